// Lengths that members must take and refuse alike, in characters (UTF-16 code units).

/** Of a room's name, which has one at least (proto/parley/content/v1/room.proto). */
export const ROOM_NAME_LENGTH = 64
/** Of a room's topic. */
export const ROOM_TOPIC_LENGTH = 256
/** Of a device's name (DeviceName in proto/parley/content/v1/content.proto). */
export const DEVICE_NAME_LENGTH = 64
