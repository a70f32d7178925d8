//! For tests only: a clock that is moved by hand, a scripted sender, a receiver, builders.
