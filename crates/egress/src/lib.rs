//! The only code that calls user-given URLs: address policy at connect, limits, TLS, proxies.
