/**
 * Reads a product's title: which drawing shows it, in which colour, with which motif and pattern.
 *
 * Of drawings the first in the table wins, so the thing comes before what it is decorated with; of colours, motifs
 * and patterns the one that the title names first.
 */

const words = (table) => Object.entries(table).map(([name, text]) => [name, new RegExp(`\\b(${text})\\b`, "i")]);

const OBJECTS = words({
  heart: "hearts? of wicker|wicker hearts?|hearts? decoration|felt hearts?|wooden hearts?",
  hotwater: "hot water bottle",
  lunchbag: "lunch bags?|lunch box(?:es)?|charlotte bag|picnic bag|snack box(?:es)?|popcorn holder",
  purse: "purse|wallet|cosmetic bag|make ?up bag|wash ?bag|toiletry|clutch",
  tote: "bags?|shopper|satchel|rucksack|backpack",
  cakestand: "cake ?stands?|\\d tier",
  cupcake: "cake cases|cupcakes?|muffins?|fairy cake|baking|cake decoration",
  teapot: "teapots?|tea for one|tea set|tea cosy|coffee set|milk jug|jug|kettle",
  teacup: "tea ?cups?|saucers?|tea plates?",
  mug: "mugs?|cups?|beakers?|tankard",
  clock: "clocks?|time|timers?|watch",
  tin: "tins?|bread bin|canisters?|bins?|buckets?",
  lantern: "lanterns?|hurricane",
  candle: "candles?|t-?lights?|tea ?lights?|candlestick|votive|incense|burner|night light",
  lights: "fairy lights?|string lights?|light string|lights?|lamps?|lampshade|chandelier|disco ball",
  sign: "signs?|chalkboard|blackboard|memo ?board|notice ?board|metal plaque|plaque|calendar|number tile",
  card: "cards?|invitations?|postcards?|letters? set|writing set|envelopes?|stationery",
  mirror: "mirrors?",
  frame: "frames?|photo|picture|pictures|wall art|album|canvas|print",
  bunting: "bunting|garlands?|flags?|paper chain|streamers?|party pack|balloons?",
  ribbon: "ribbons?|tape|tapes|string|twine",
  necklace: "necklaces?|pendants?|necklac|lariat|beads",
  earrings: "earrings?|drop earrings",
  ring: "rings?|bracelets?|bangles?|brooch|bling|diamante|hair ?(?:clip|slide|band|comb)s?|tiara|cufflinks",
  fob: "key ?rings?|key fob|charms?|bag charm|luggage tag|tags?|magnets?|fridge magnets?",
  doormat: "door ?mat|rugs?|kneeling pad|mat|place ?mats?|coasters?|place ?settings?",
  cushion: "cushions?|pillow|seat pad|quilt|throw|blanket|towels?|bed|cover|scarf|shawl|poncho",
  notebook: "notebooks?|note ?books?|journal|diary|book|books|passport|sketchbook|planner|organiser",
  pencils: "pencils?|pens?|crayons?|chalks?|markers?|rubbers?|erasers?|rulers?|sharpener",
  wateringcan: "watering can|garden|gardeners?|trowel|fork set",
  plant: "plants?|planters?|flower ?pots?|pots?|herbs?|grow your own|seeds?|cactus|bouquet|topiary|vase|lavender|orchid|bulbs?",
  birdhouse: "bird ?(?:house|box|table|feeder|cage|bath)|doll'?s house|cottage|cages?",
  jar: "jars?|jam|storage jar|preserve|honey|sweets?|candy|cookie",
  bottle: "bottles?|decanters?|perfume|bubbles?|flask|vinegar|carafe|thermos",
  soap: "soaps?|bath|sponge|lip balm|gloss|bathroom|shower|foot care|hand cream|tissues?|toothbrush",
  napkin: "napkins?|serviettes?|doil(?:y|ies)|tissue|bandana|handkerchief|table ?cloths?|table runner|tea towels?",
  cutlery: "cutlery|knife|knives|forks?|spatula|whisk|peeler|opener|tongs|utensils?",
  spoon: "spoons?|ladle|scoop|measuring",
  bowl: "bowls?|dish(?:es)?|trifle|colander|moulds?|ramekin|mixing|pan",
  plate: "plates?|platters?|trays?|plate set|tureen",
  apron: "aprons?|oven gloves?|gloves?|mitts?|pyjamas|slippers?|t-shirt|dress",
  umbrella: "umbrellas?|parasols?|raincoat|rain ?hat|poncho",
  doll: "dolls?|dolly girl|babushka|russian|matrioschka|puppets?|fairy|angel|soldier|people",
  cards: "snap|playing cards?|dominoes|games?|ludo|bingo|chess|jigsaw|puzzle|trump|tarot|dice|backgammon|skittles",
  train: "toys?|trains?|cars?|tractor|truck|rocket|spinning top|skipping rope|yo-?yo|harmonica|guns?|blocks?|abacus|spaceboy",
  wreath: "wreaths?|crown|rosette|daisy chain",
  tree: "christmas tree|trees?|stocking|santa|reindeer|advent|toadstool",
  bauble: "baubles?|christmas|decorations?|bells?|xmas|tinsel|glitter|snowflakes?|ornaments? star",
  egg: "eggs?|easter|chicks?|hen|cockerel|nest",
  rabbit: "rabbits?|bunny|cat|dog|fox|hedgehog|owl|animals?|elephant|horse|deer|sheep|pig|frog|monkey|panda|mouse",
  bird: "birds?|doves?|ducks?|robins?|swallows?|peacock|geese|butterfl(?:y|ies)",
  gift: "gift|wrap|wrapping|presents?|bows?|birthday",
  spool: "sewing|knitting|wool|felt(?:craft)?|embroidery|needle|thread|stickers?|craft|trim|buttons?",
  basket: "baskets?|hamper|wicker|picnic|trug|crate",
  cabinet: "cabinets?|drawers?|chest|cupboard|shel(?:f|ves)|table|stool|chair|rack|wardrobe|unit|stand",
  knob: "knobs?|handles?|door ?stop|door|bell",
  hook: "hooks?|hangers?|peg|pegs|towel rail|key holder|coat",
  box: "box|boxes|money ?bank|piggy|case|cases|trinket|holder|safe|suitcase",
  tile: "tiles?|block|letters?|numbers?|words?|font|wall|zinc|metal|enamel",
});

const COLOURS = words({
  white: "white|clear|crystal|pearl|opal|linen|milk",
  cream: "ivory|cream|natural|beige|sand|calico",
  pink: "pink|rose|roses|fuchsia|blossom|strawberr(?:y|ies)|dolly|babushka|sweetheart|ballerina",
  red: "red|ruby|cherry|cherries|poppy|christmas|santa|apples?|union jack|spaceboy|retrospot|toadstool|london",
  orange: "orange|amber|copper|coral|peach|terracotta|carrot",
  gold: "gold|golden|brass|honey|mustard",
  yellow: "yellow|lemon|sunflower|daisy|banana|chick|easter",
  green: "green|olive|lime|mint|jade|leaf|herbs?|garden|woodland|emerald|botanical|tree",
  aqua: "turquoise|aqua|teal|duck egg|glass|sea|mermaid",
  blue: "blue|navy|denim|sky|delft|nautical|sailor|circus",
  purple: "purple|lilac|lavender|violet|mauve|amethyst|plum|suki",
  brown: "brown|chocolate|wooden|wood|wicker|coffee|rustic|slate|bamboo|jute|rattan|natural",
  silver: "silver|grey|gray|zinc|metal|tin|pewter|steel|antique|chrome|iron|wire",
  black: "black|skulls?|baroque|noir|ebony",
});

const PATTERNS = words({
  dots: "retro ?spots?|polka ?dots?|spots?|spotty|dots?|dotty|dotcomgiftshop",
  stripes: "stripes?|striped|stripey|circus|deckchair|nautical",
  check: "gingham|check|checked|tartan|wicker|quilt|patchwork|picnic",
  sprig: "paisley|baroque|doil(?:y|ies)|lace|floral|damask|botanical|folkart|regency|suki|embroidered|flock|morris|tapestry",
});

const MOTIFS = words({
  jack: "union jack|flag|london|british|england",
  heart: "hearts?|love|sweetheart|wedding|valentine",
  skull: "skulls?|pirates?|halloween",
  star: "stars?|starry|circus|magic",
  strawberry: "strawberr(?:y|ies)|cherry|cherries|berries",
  apple: "apples?|pears?|fruit|orchard",
  rocket: "spaceboy|rocket|space|robot|cars?",
  butterfly: "butterfl(?:y|ies)|dragonfly|ladybird|bugs?|bees?",
  bird: "birds?|robins?|doves?|owls?|swallows?|hens?|cockerel|duck",
  cat: "cats?|dogs?|kittens?|pupp(?:y|ies)|fox|rabbits?|bunny",
  crown: "crown|royal|queen|king|prince|princess|keep calm|regency|jubilee|coronation",
  snow: "snow|snowflakes?|christmas|winter|nordic|scandinavian|xmas",
  leaf: "leaf|leaves|woodland|herbs?|botanical|garden|gardeners?|natural|tree",
  flower: "flowers?|roses?|daisy|daisies|poppy|poppies|floral|blossom|rosie|sunflower|dolly|babushka|suki|lavender|pantry",
  key: "keys?",
  house: "house|home|cottage|kitchen|bathroom",
  letters: "signs?|notebook|memo|recipe|post|mail|letters?",
});

const COUNT = /\b(?:set|pack|box)\s?(?:of|\/)\s?(\d{1,3})\b/i;

/**
 * @param {string} title
 * @param {string} category
 * @returns {{object: string, colour: string|null, pattern: string|null, motif: string|null, count: number|null}}
 */
export function read(title, category) {
  const motif = earliest(MOTIFS, title);
  const alone = motif === "heart" ? "heart" : topmost(OBJECTS, category);
  return {
    object: topmost(OBJECTS, title) ?? alone ?? "gift",
    colour: earliest(COLOURS, title),
    pattern: earliest(PATTERNS, title),
    motif,
    count: Number(COUNT.exec(title)?.[1]) || null,
  };
}

const topmost = (table, text) => table.find(([, pattern]) => pattern.test(text))?.[0];

function earliest(table, text) {
  let [best, place] = [null, Infinity];
  for (const [name, pattern] of table) {
    const { index } = pattern.exec(text) ?? { index: Infinity };
    if (index < place) [best, place] = [name, index];
  }
  return best;
}
