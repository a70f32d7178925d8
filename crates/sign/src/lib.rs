//! Signature schemes, making and checking, in constant time. No I/O, no clock.
