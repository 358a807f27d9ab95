// Loaded before a program (--import): its clock is off by TEST_CLOCK_SHIFT_MS milliseconds.

const shiftMs = Number(process.env.TEST_CLOCK_SHIFT_MS)
const now = Date.now

Date.now = () => now() + shiftMs
