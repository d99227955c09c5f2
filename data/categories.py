"""Which family of goods a title belongs to: the first family, from the top, one of whose words it holds.

Order matters: the thing comes before what it is decorated with, so that a "heart t-light holder" is a candle and a
"Christmas mug" belongs to Christmas. A word matches itself and its plural; a phrase matches as it stands.
Names are single words, so that ``filter=category=candles`` needs no escaping.
"""

import re


def _words(text: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in text.split(","))


FAMILIES: dict[str, tuple[str, ...]] = {
    "christmas": _words("""
        christmas, xmas, advent, santa, snowman, snowmen, snowflake, reindeer, rudolph, bauble, nativity,
        mistletoe, poinsettia, noel, snowy, robin
    """),
    "easter": _words("""
        easter, egg, bunny, chick, hen
    """),
    "candles": _words("""
        candle, t-light, candlestick, candleholder, lantern, light, lamp, lampshade, nightlight, candelabra,
        candlepot, chandelier, torch, oil burner, tealight, votive, hurricane, glowing, wick, firework, sconce,
        lightbulb, matches
    """),
    "jewellery": _words("""
        necklace, bracelet, earring, brooch, bangle, ring, pendant, jewel, jewelled, choker, anklet, cufflink,
        diamante, charm, bead, beaded, murano, tiara, locket, keyring, keychain, amethyst, hoop, lariat,
        braclet
    """),
    "bags": _words("""
        bag, handbag, purse, wallet, shopper, backpack, rucksack, satchel, tote, clutch, luggage, suitcase,
        holdall, passport, travel card
    """),
    "clocks": _words("""
        clock, watch, alarm
    """),
    "frames": _words("""
        frame, mirror, mirrored, picture, photo, photograph, canvas, gallery, print, wall art, collage
    """),
    "signs": _words("""
        sign, plaque, letter, number tile, number, blackboard, chalkboard, message, memo, magnet, noticeboard,
        memoboard, word, bathroom metal, tile, alphabet block, doorsign
    """),
    "picnic": _words("""
        lunch, picnic, lunchbox, bento, cool bag, hamper, bbq, barbecue, camping, cutlery set
    """),
    "cards": _words("""
        card, wrap, gift wrap, ribbon, tag, tissue, tissues, sticker, tape, bow, gift, wrapping, postcard,
        origami, cello, reel
    """),
    "bath": _words("""
        bath, bathroom, soap, incense, sponge, toilet, scent, scented, fragrance, lavender, perfume, potpourri,
        vanilla, oil, essential, aroma, shower, lip, balm, shampoo, bubbles, pumice, toothbrush, toothpaste,
        cotton wool, sachet, pomander, wash, basin, spa, loo, nailbrush, jasmine, diffuser, plasters, first aid,
        salts
    """),
    "cups": _words("""
        mug, cup, teacup, saucer, beaker, tumbler, glass, goblet, flask, coffee, wineglass, tankard, d.o.f,
        flute, egg cup
    """),
    "tableware": _words("""
        plate, bowl, dish, cutlery, napkin, tray, coaster, placemat, teapot, jug, platter, cakestand,
        cake stand, tablecloth, table cloth, spoon, knife, fork, chopstick, decanter, carafe, table mat,
        tea set, doily, doilies, serviette, tureen, butter, breakfast set, dinner set, straw, condiment, cruet,
        snack, tea for one, chilli lights, salt, placemats, runner, sugar, squeezer, fruitbowl
    """),
    "kitchen": _words("""
        kitchen, baking, cake, cookie, recipe, apron, oven, tea towel, tea cosy, jam, pantry, bake, baker,
        cutter, mould, whisk, sieve, scales, rolling pin, chopping, fridge, ice cream, ice, lolly, bread, toast,
        egg timer, timer, measuring, cocktail, bottle opener, corkscrew, wine, spice, gingham, pan, pot holder,
        popcorn, food, dairy, biscuit, milk bottle, wine bottle, sauce bottle,
        colander, grinder, peeler, kettle, cocoa, pudding, tea
    """),
    "storage": _words("""
        box, tin, jar, storage, basket, drawer, cabinet, chest, trunk, crate, caddy, bin, bucket, canister,
        container, trinket, tidy, holder, rack, shelf, shelves, organiser, trug, cupboard, stand, pot,
        money bank, tub, case, pail, stool, seat, chair, table, bench, sideboard, footstool, hanger
    """),
    "garden": _words("""
        garden, gardener, gardening, plant, planter, flowerpot, watering can, parasol, umbrella, bird feeder,
        birdhouse, bird house, birdcage, bird table, trowel, hose, wheelbarrow, herb, seed, windmill,
        wind chime, windchime, chime, deckchair, beach, trellis, dovecote, fountain, rain, grow your own, cress,
        nesting, greenhouse, gnome, potting, twine
    """),
    "stationery": _words("""
        notebook, pen, pencil, sketchbook, journal, diary, paper, envelope, eraser, rubber, ruler, sharpener,
        stationery, calendar, address book, note, notes, book, stapler, stamp, ink, file, folder, post, chalk,
        crayon, marker, bookmark, calculator, highlighter, organizer, planner, writing, office, clip, pad,
        tape measure, mousemat, globe, paperweight, p'weight, hole punch
    """),
    "party": _words("""
        party, bunting, balloon, garland, birthday, cracker, confetti, pinata, invite, streamer, celebration,
        wedding, fairy, honeycomb, banner, paper chain, pompom, feather, sparkler, mask, hat, flag, pennant,
        windsock, rosette
    """),
    "toys": _words("""
        toy, game, doll, dolly, puzzle, jigsaw, playhouse, skipping, children, childrens, children's, kid, kids,
        childs, child's, baby, soldier, robot, rocket, dinosaur, animal, teddy, puppet, domino, dominoes, chess,
        snakes, ludo, yoyo, kite, spinning, marble, balls, ball, harmonica, piano, trumpet, guitar, tambourine,
        magic, circus, play, cowboy, girl, boy, monster, pirate, gliders, glider, tractor, racing, car,
        helicopter, bingo, dice, croquet, skittle, quoits, top, abacus, building block, block, mobile, jump,
        bubble, naughts, solitaire, backgammon, poker, money box, piggy bank, moneybox, spaceboy, wheel, tattoo,
        horse, monkey, toadstool, piece snake, creepy, creature, badges, space cadet, dolphin, flying disc,
        clay
    """),
    "crafts": _words("""
        sewing, knitting, knit, craft, feltcraft, felt, kit, button, wool, fabric, patchwork, thread, needle,
        scissor, stitch, embroidery, yarn, colouring, paint, decoupage, mosaic, crochet, darner, applique,
        make your own, patch, pom pom, scrapbook
    """),
    "textiles": _words("""
        cushion, towel, throw, blanket, quilt, curtain, rug, doormat, mat, pillow, bedding, eiderdown,
        hot water bottle, warmer, bolster, sheet, drape, bedspread, draught excluder, tie back, carpet, cover,
        hottie, tieback, wheat bag, flannel, hammock, ironing
    """),
    "fashion": _words("""
        scarf, glove, slipper, hair, hairband, hairclip, comb, headband, sock, hot water, shawl, belt, poncho,
        shoe, boot, tie, dress, bikini, flip flop, sunglasses, fan, raincoat, babywear, legwarmer, wristband,
        pashmina, apparel, sarong, shirt, phone, hand warmer, compact, make up, cosmetic, nail, glasses,
        sombrero, pocket, grip, slide, parasols, mobile phone, pin, cap, alice band, bandeau, silk, ear muff,
        grass skirt, washbag, badge
    """),
    "hardware": _words("""
        hook, knob, doorknob, handle, peg, door, doorstop, key, bell, doorbell, screwdriver, tool, hammer,
        bracket, padlock, wrench, thermometer, bicycle, bike, torch, spirit level, tape
    """),
    "ornaments": _words("""
        hanging, decoration, heart, ornament, wreath, star, angel, bird, butterfly, flower, rose, mirror ball,
        daisy, tree, branch, leaf, twig, artificial, dove, rooster, figurine, cherub, cat, dog, rabbit, owl,
        duck, elephant, frog, vase, sculpture, statue, buddha, skull, garlands, cone, berries, bouquet, posy,
        swirl, drop, string, crystal, decorative, ceramic, acrylic, trellis, deer, fish, mushroom, hedgehog,
        babushka, matryoshka, shell
    """),
}
OTHER = "other"


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"(?<![a-z-])(?:%s)(?:s|es)?(?![a-z])" % "|".join(map(re.escape, words)))


_PATTERNS = [(family, _pattern(words)) for family, words in FAMILIES.items()]


def category_of(title: str) -> str:
    """The family of ``title``, or :data:`OTHER`."""
    text = title.lower()
    return next((family for family, pattern in _PATTERNS if pattern.search(text)), OTHER)
