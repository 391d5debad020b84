/** The bytes are not a sound file of their type. The message completes "The picture cannot be read: …". */
export class Unreadable extends Error {}

/** Where a location may be cannot be reached or changed. The message completes "Its location cannot be removed: …". */
export class Stuck extends Error {}
