/**
 * The shop's drawings: SVG path data on a 100 x 100 sheet whose ground line is near y = 82.
 *
 * Of an object, `body` is printed in colour, `trim` in paper white, and all of it is outlined; `line` is outline only;
 * `motif` is [x, y, half width] of the place where a motif fits. Motifs are drawn around the origin, 20 x 20.
 */

export const OBJECTS = {
  apron: { body: "M40 30h20l2 18q10 2 12 10v24H26V58q2-8 12-10z", line: "M40 30q10-16 20 0M36 62h28v11H36z" },
  basket: { body: "M24 52h52l-6 30H30z", line: "M29 52q21-46 42 0M26 62h48M28 72h44M41 52l3 30M59 52l-3 30M20 52h60" },
  bauble: { body: "M50 34a23 23 0 1 0 .1 0z", line: "M45 34v-6h10v6M50 28v-12", motif: [50, 57, 11] },
  bird: {
    body: "M22 56q0-18 20-18q6-11 17-11q12 0 13 12l9 4l-9 4q0 31-28 31q-22 0-22-22z",
    line: "M62 38v.1M34 56q12 13 25-2M42 78v5M50 78v5",
  },
  birdhouse: { body: "M32 46h36v34H32z", trim: "M50 53a7 7 0 1 0 .1 0z", line: "M24 52l26-27l26 27M50 73v5M28 80h44" },
  bottle: {
    body: "M42 32h16v9q12 6 12 16v19q0 6-6 6H36q-6 0-6-6V57q0-10 12-16z",
    trim: "M30 58h40v14H30z",
    line: "M42 32v-9h16v9",
    motif: [50, 65, 5.5],
  },
  bowl: { body: "M20 46h60q-2 32-22 32H42q-20 0-22-32z", line: "M39 78h22v4H39zM24 52h52", motif: [50, 64, 9] },
  box: { body: "M25 48h50v34H25z", trim: "M20 37h60v11H20z", motif: [50, 65, 11] },
  bunting: {
    body: "M13 38l14 5l-10 18zM32 44l15 2l-9 20zM53 46l15-2l-6 20zM73 43l14-5l-3 19z",
    line: "M8 36q42 20 84 0",
  },
  cabinet: { body: "M26 28h48v52H26z", trim: "M31 33h38v12H31zM31 49h38v12H31zM31 65h38v11H31z",
    line: "M49 39h2M49 55h2M49 71h2M30 80v4M70 80v4" },
  cakestand: {
    body: "M20 72h60q-2 6-8 6H28q-6 0-8-6zM28 53h44q-2 5-7 5H35q-5 0-7-5zM36 35h28q-1 5-6 5H42q-5 0-6-5z",
    line: "M50 35V24M50 53V40M50 72V58M50 24a4 4 0 1 1 .1 0zM38 82h24",
  },
  candle: {
    body: "M32 48h36l-5 34H37z",
    trim: "M50 42c-7-5-4-11 0-18c4 7 7 13 0 18z",
    line: "M50 48v-6M34 57h32",
    motif: [50, 69, 9],
  },
  card: { body: "M22 44h56v38H22z", trim: "M30 24h40v32l-20 14l-20-14z", line: "M22 44l28 26l28-26", motif: [50, 42, 11] },
  cards: { body: "M46 30l28 7l-11 44l-28-7z", trim: "M25 36l28-6l9 44l-28 6z", motif: [44, 55, 10] },
  clock: {
    body: "M50 30a26 26 0 1 0 .1 0z",
    trim: "M50 37a19 19 0 1 0 .1 0z",
    line: "M50 56V44M50 56l8 6M25 42a11 11 0 0 1 15-13M75 42a11 11 0 0 0-15-13M34 77l-5 6M66 77l5 6M50 30v-6",
  },
  cupcake: {
    body: "M32 56h36l-6 26H38z",
    trim: "M28 56c-2-9 5-13 9-11c0-9 9-14 13-14s13 5 13 14c4-2 11 2 9 11z",
    line: "M41 57l3 24M50 57v24M59 57l-3 24M50 31a4 4 0 1 1 .1 0",
  },
  cushion: { body: "M24 32q26 6 52 0q-6 24 0 48q-26-6-52 0q6-24 0-48z", motif: [50, 56, 14] },
  cutlery: {
    body: "M29 54h7v28h-7zM47 54h7v28h-7zM65 54h7v28h-7z",
    line: "M32.5 54V42M27 24v12q0 6 5.5 6t5.5-6V24M32.5 24v12M47 54V24q9 6 7 30M68.5 54v-8M68.5 22c7 0 8 24 0 24s-7-24 0-24z",
  },
  doll: {
    body: "M50 22c10 0 15 8 13 16c9 6 11 16 9 27q-2 15-10 17H38q-8-2-10-17c-2-11 0-21 9-27c-2-8 3-16 13-16z",
    trim: "M50 30a9 9 0 1 0 .1 0z",
    line: "M47 38v.1M53 38v.1M48 43q2 2 4 0M36 51q14 9 28 0",
    motif: [50, 69, 9],
  },
  doormat: { body: "M16 42h68v36H16z", trim: "M23 48h54v24H23z", line: "M16 46h-4M16 54h-4M16 62h-4M16 70h-4M84 46h4M84 54h4M84 62h4M84 70h4", motif: [50, 60, 9] },
  earrings: {
    body: "M35 46c9 12 11 24 0 29c-11-5-9-17 0-29zM65 46c9 12 11 24 0 29c-11-5-9-17 0-29z",
    line: "M35 46v-9q0-9 7-9M65 46v-9q0-9 7-9M31 64q4 4 8 0M61 64q4 4 8 0",
  },
  egg: { body: "M50 26c14 0 21 20 21 34q0 20-21 22q-21-2-21-22c0-14 7-34 21-34z", line: "M30 52l7 5l6-5l7 5l7-5l6 5l7-5M30 66l7 5l6-5l7 5l7-5l6 5l7-5" },
  fob: { body: "M40 48h20l4 34H36z", line: "M50 48v-8M50 22a9 9 0 1 0 .1 0zM47 54h6", motif: [50, 67, 8] },
  frame: { body: "M24 26h52v56H24z", trim: "M33 35h34v38H33z", line: "M33 67l11-13l8 9l5-5l10 10M58 44a4 4 0 1 0 .1 0z" },
  gift: {
    body: "M25 48h50v34H25z",
    trim: "M20 38h60v10H20z",
    line: "M50 38v44M50 38c-18 0-18-15-9-15s9 15 9 15s0-15 9-15s9 15-9 15",
  },
  heart: { body: "M50 82C22 64 19 42 33 37q12-3 17 10q5-13 17-10c14 5 11 27-17 45z", line: "M50 47V18M45 18h10" },
  hook: {
    body: "M30 24h40v26H30z",
    line: "M50 50v12q0 15-13 15t-12-11M50 62q0 15 13 15t12-11M34 28v.1M66 28v.1M34 46v.1M66 46v.1",
    motif: [50, 37, 8],
  },
  hotwater: {
    body: "M39 40q-13 4-13 15v19q0 8 8 8h32q8 0 8-8V55q0-11-13-15z",
    trim: "M39 20h22v7H39z",
    line: "M42 40V27M58 40V27",
    motif: [50, 62, 12],
  },
  jar: { body: "M31 40h38v36q0 6-6 6H37q-6 0-6-6z", trim: "M33 28h34v12H33zM37 51h26v20H37z", motif: [50, 61, 7.5] },
  knob: { body: "M50 24a20 20 0 1 0 .1 0z", line: "M44 63l-2 9h16l-2-9M34 72h32v8H34z", motif: [50, 44, 11] },
  lantern: {
    body: "M31 44h38v36H31z",
    trim: "M38 50h24v30H38z",
    line: "M27 80h46M28 44l11-14h22l11 14zM50 30a6 6 0 1 1 .1 0M46 80V70h8v10M50 70c-4-4-2-7 0-11c2 4 4 7 0 11z",
  },
  lights: {
    body: "M18 44a7 7 0 1 0 .1 0zM39 53a7 7 0 1 0 .1 0zM61 53a7 7 0 1 0 .1 0zM82 44a7 7 0 1 0 .1 0z",
    line: "M6 32q44 32 88 0M18 44v-5M39 53v-6M61 53v-6M82 44v-5",
  },
  lunchbag: { body: "M29 38h42v44H29z", trim: "M34 26h32l5 16H29z", line: "M40 26q10-12 20 0M46 42v6h8v-6", motif: [50, 64, 12] },
  mirror: {
    body: "M50 18c19 0 25 15 25 31s-8 33-25 33s-25-17-25-33s6-31 25-31z",
    trim: "M50 26c13 0 17 11 17 23s-6 25-17 25s-17-13-17-25s4-23 17-23z",
    line: "M41 46l11-12M42 58l17-19",
  },
  mug: { body: "M26 34h40v38q0 10-10 10H36q-10 0-10-10z", line: "M66 43h5q9 0 9 10t-14 13M26 40h40", motif: [46, 60, 12] },
  napkin: { body: "M22 76L50 28l28 48z", line: "M50 28l-9 48M50 28l9 48", motif: [50, 62, 7] },
  necklace: {
    body: "M50 58c9 9 11 22 0 25c-11-3-9-16 0-25zM37 56a4 4 0 1 0 .1 0zM63 56a4 4 0 1 0 .1 0z",
    line: "M26 20q-2 30 9 39M74 20q2 30-9 39M41 62l6 3M59 62l-6 3",
  },
  notebook: { body: "M30 24h40q5 0 5 5v48q0 5-5 5H30z", trim: "M44 34h24v13H44z", line: "M37 24v58M48 40h16", motif: [56, 64, 10] },
  pencils: { body: "M28 82V44l6-14l6 14v38zM44 82V36l6-14l6 14v46zM60 82V46l6-14l6 14v36z", line: "M28 44h12M44 36h12M60 46h12M34 82V48M50 82V40M66 82V50" },
  plate: { body: "M50 24a29 29 0 1 0 .1 0z", trim: "M50 34a19 19 0 1 0 .1 0z", motif: [50, 53, 11] },
  plant: {
    body: "M33 58h34l-5 24H38z",
    trim: "M29 50h42v8H29z",
    line: "M50 50V34M50 44c-11 2-16-5-17-13c10 0 17 4 17 13zM50 36c9 0 15-6 14-14c-9 1-14 6-14 14z",
  },
  purse: {
    body: "M24 54q0-13 13-13h26q13 0 13 13v15q0 13-14 13H38q-14 0-14-13z",
    line: "M32 42q18 12 36 0M47 36a3.5 3.5 0 1 0 .1 0zM53 36a3.5 3.5 0 1 0 .1 0z",
    motif: [50, 66, 10],
  },
  rabbit: {
    body: "M38 50q-9-26-1-29t9 26h8q1-29 9-26t-1 29q11 6 11 18q0 14-23 14t-23-14q0-12 11-18z",
    line: "M43 62v.1M57 62v.1M48 68h4l-2 3zM50 71v3M36 70l-10 1M64 70l10 1",
  },
  ribbon: { body: "M34 36h32v38H34z", line: "M27 28h46v8H27zM27 74h46v8H27zM34 46h32M34 55h32M34 64h32M66 64q17 0 14 16" },
  ring: { body: "M38 24h24l7 9l-19 15l-19-15z", line: "M31 33h38M44 33l6 15l6-15M50 46a18 18 0 1 0 .1 0zM50 51a13 13 0 1 0 .1 0z" },
  sign: { body: "M18 44h64v32H18z", trim: "M24 50h52v20H24z", line: "M30 44l20-20l20 20M50 24v-4", motif: [50, 60, 8] },
  soap: {
    body: "M26 60q0-10 10-10h28q10 0 10 10v10q0 10-10 10H36q-10 0-10-10z",
    line: "M36 60h28M34 38a5 5 0 1 0 .1 0zM50 26a8 8 0 1 0 .1 0zM68 34a4 4 0 1 0 .1 0z",
  },
  spool: {
    body: "M24 44h26v28H24z",
    trim: "M20 36h34v8H20zM20 72h34v8H20z",
    line: "M24 51h26M24 58h26M24 65h26M50 66q14 4 12-14l6-24M70 22a4 4 0 1 0 .1 0z",
  },
  spoon: { body: "M36 28c10 0 14 20 4 27l4 27h-16l4-27c-10-7-6-27 4-27z", line: "M60 82V50M54 26v16q0 8 6 8t6-8V26M60 26v16" },
  teacup: {
    body: "M24 42h46q0 27-16 31H40q-16-4-16-31z",
    trim: "M18 76h58q-2 6-8 6H26q-6 0-8-6z",
    line: "M69 47q12-3 12 5t-15 11M40 35c-4-5 4-7 0-12M54 35c-4-5 4-7 0-12",
    motif: [47, 56, 8.5],
  },
  teapot: {
    body: "M30 54q0-17 20-17t20 17v9q0 19-12 19H42q-12 0-12-19zM70 52q6-2 12-13q3 14-12 26z",
    line: "M35 43q15-6 30 0M50 37a4 4 0 1 1 .1 0M30 51q-14-4-14 8t15 8",
    motif: [50, 62, 11],
  },
  tile: { body: "M24 28h52v52H24z", trim: "M30 34h40v40H30z", motif: [50, 54, 14] },
  tin: { body: "M26 40v34q24 16 48 0V40z", trim: "M50 31c14 0 24 4 24 9s-10 9-24 9s-24-4-24-9s10-9 24-9z", line: "M45 39q5-7 10 0", motif: [50, 64, 10] },
  tote: { body: "M27 42h46l5 40H22z", line: "M38 50V34a12 12 0 0 1 24 0v16", motif: [50, 64, 13] },
  train: {
    body: "M20 52h36v20H20zM56 36h22v36H56z",
    trim: "M62 42h10v12H62z",
    line: "M27 52V40h10v12M24 40h16M32 70a6 6 0 1 0 .1 0zM48 70a6 6 0 1 0 .1 0zM68 68a7 7 0 1 0 .1 0z",
  },
  tree: { body: "M50 20l16 22h-8l14 17h-9l12 16H25l12-16h-9l14-17h-8z", line: "M46 75v7h8v-7M44 46v.1M56 54v.1M42 66v.1M60 68v.1" },
  umbrella: {
    body: "M18 52q4-27 32-27t32 27q-5-6-10.7 0q-5.3-6-10.6 0q-5.4-6-10.7 0q-5.3-6-10.7 0q-5.3-6-10.6 0q-5.7-6-10.7 0z",
    line: "M50 25v-6M50 50v26q0 6 6 6t6-6M50 25q-11 10-11 26M50 25q11 10 11 26",
  },
  wateringcan: { body: "M30 46h34v34H30z", line: "M64 60l16-20M64 72l20-30M76 36l11 8M36 46q10-30 28 0M30 52q-14 4-12 14t12 6", motif: [47, 63, 9] },
  wreath: { body: "M50 26a28 28 0 1 0 .1 0zM50 38a16 16 0 1 1-.1 0z", line: "M50 76l-12 8V70zM50 76l12 8V70zM30 42v.1M70 42v.1M28 60v.1M72 60v.1M40 32v.1M60 32v.1" },
};

export const MOTIFS = {
  apple: "M0-4c8-5 11 2 9 7s-6 8-9 6c-3 2-7-1-9-6s1-12 9-7zM0-4q0-4 3-6",
  bird: "M-10 2q4-9 11-6q2-5 6-4l3 3l-3 2q1 10-8 10q-6 0-9-5zM-2 2q3 2 5-1",
  butterfly: "M0 0C-3-10-11-9-10-4S-4 1 0 0C-6 1-8 9-4 9S0 3 0 0C0 3 0 9 4 9S6 1 0 0C4 1 10 1 10-4S3-10 0 0z",
  cat: "M-8 8V-9L-4-4H4L8-9V8zM-3 1v.1M3 1v.1M0 4v.1",
  crown: "M-9 7V-5L-4 0L0-8L4 0L9-5V7zM-9 3H9",
  flower: "M0-4a4 4 0 1 1 4 3.5a4 4 0 1 1-1.5 5a4 4 0 1 1-5 0a4 4 0 1 1-1.5-5a4 4 0 1 1 4-3.5zM0-1.5a2 2 0 1 0 .1 0z",
  heart: "M0 9C-14 0-12-9-6-9Q-1-9 0-4Q1-9 6-9C12-9 14 0 0 9z",
  house: "M-8 9V-2L0-9L8-2V9zM-2 9V3H3V9",
  jack: "M-11-7h22v14h-22zM-11-7L11 7M11-7L-11 7M0-7V7M-11 0H11",
  key: "M-5-5a4 4 0 1 0 .1 0zM-1-1H10M10-1v4M6-1v3",
  leaf: "M-8 9C-10-4 0-10 10-10C10 2 3 10-8 9zM-8 9L4-4",
  letters: "M-14-3H14M-9 3H9",
  rocket: "M0-11C6-6 6 1 4 6H-4C-6 1-6-6 0-11zM-5 0L-9 8L-4 6M5 0L9 8L4 6M0-4.5a2 2 0 1 0 .1 0zM-2 9h4",
  skull: "M-8-2a8 7 0 1 1 16 0q0 4-3 5v6h-10v-6q-3-1-3-5zM-3-1v.1M3-1v.1",
  snow: "M0-10V10M-8.7-5L8.7 5M-8.7 5L8.7-5",
  star: "M0-10L2.9-3.6L9.8-3L4.6 1.6L6.2 8.4L0 4.8L-6.2 8.4L-4.6 1.6L-9.8-3L-2.9-3.6z",
  strawberry: "M-8-4Q0-8 8-4Q8 5 0 10Q-8 5-8-4zM-4-5L0-10L4-5M-2 1v.1M3 0v.1M1 5v.1",
};
