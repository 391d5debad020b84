/** Names of properties that say where a picture was taken, whatever their prefix (EXIF, IPTC, Photoshop, drones). */
const PLACE_NAME =
  /gps|latitude|longitude|altitude|location|^(?:city|state|country(?:code|name)?|provincestate|worldregion|geo.*|place.*|coordinates?|lat|lon|long|lng|hasextendedxmp)$/i;

export function isPlaceName(name: string): boolean {
  return PLACE_NAME.test(name);
}

/** What says of itself that it is a place, and degrees: `47°22'37.0"N`, `8.5417° E`, `37.0" N`, `geo:47.37,8.54`. */
const SPOKEN =
  /gps|latitude|longitude|\bgeo:-?\d|\bl(?:at|on|ng) ?[:=] ?-?\d|\d ?° ?\d{1,2}(?!\d)|\d ?° ?[NSEWO]\b|\b[NSEWO] ?[+-]?\d{1,3}(?:\.\d{1,9})? ?°|\d ?" ?[NSEWO]\b/i;
/** Decimal degrees with four places or more (11 m), as cameras and apps print them. */
const DEGREES = /(?<![\d.])\d{1,3}\.\d{4}/g;
/** What may stand between two of them: signs, separators, hemispheres, before or after the number. */
const BETWEEN = /^\d{0,14}(?:[ °'",;:/|()[\]+NSEWO-]|%2c|lat|lon|lng){1,24}$/i;
const BETWEEN_BYTES = 40;

/** For tests: none of them repeats anything without a bound, so that each character is looked at a bounded number of times. */
export const PLACE_PATTERNS: readonly RegExp[] = [SPOKEN, DEGREES, BETWEEN];

/** One sign for all that mean the same: as Unicode, as Latin-1, and as bytes of UTF-8 that were read as Latin-1. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/\xc2[\xb0\xba]|\xcb\x9a|[\xb0\xba\u02da]/g, '°'],
  [/\xe2\x80[\xb2\x98\x99]|\xc2\xb4|[\u2032\u2018\u2019\xb4]/g, "'"],
  [/\xe2\x80[\xb3\x9c\x9d]|''|[\u2033\u201c\u201d]/g, '"'],
  [/\xe2\x88\x92|\xe2\x80[\x90-\x95]|[\u2212\u2010-\u2015]/g, '-'],
  [/\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80|\xef\xbb\xbf|[\s\0\u202f]/g, ' '],
  [/ {2,}/g, ' '],
];

/** Free text, such as a comment, that seems to tell a place; as characters, or bytes read as Latin-1. */
export function tellsPlace(text: string): boolean {
  const plain = SIGNS.reduce((all, [sign, one]) => all.replaceAll(sign, one), text);
  if (SPOKEN.test(plain)) return true;
  let before = -1;
  for (const { index, 0: number } of plain.matchAll(DEGREES)) {
    if (before !== -1 && index - before <= BETWEEN_BYTES) {
      if (BETWEEN.test(plain.slice(before, index))) return true;
    }
    before = index + number.length;
  }
  return false;
}
