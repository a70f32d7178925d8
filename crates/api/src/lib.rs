//! The HTTP surface: shared request handling written once, one folder per dialect, OpenAPI.
