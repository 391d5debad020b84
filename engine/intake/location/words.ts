/** Names of properties that say where a picture was taken, whatever their prefix (EXIF, IPTC, Photoshop, drones). */
const PLACE_NAME =
  /gps|latitude|longitude|altitude|location|^(?:city|state|country(?:code|name)?|provincestate|worldregion|geo.*|place.*|coordinates?|lat|lon|long|lng|hasextendedxmp)$/i;

export function isPlaceName(name: string): boolean {
  return PLACE_NAME.test(name);
}

/** Decimal degrees with four places or more (11 m), as cameras and apps print them. */
const COORDINATES = /-?\d{1,3}\.\d{4,}\s*°?\s*[NS]?\s*[,;/ ]\s*-?\d{1,3}\.\d{4,}/;
const SPOKEN = /gps|latitude|longitude|\b-?\d{1,3}°\s*\d{1,2}/i;

/** Free text, such as a comment, that seems to tell a place. */
export function tellsPlace(text: string): boolean {
  return SPOKEN.test(text) || COORDINATES.test(text);
}
