// Owns the precompiled headers of all tests (tests/CMakeLists.txt): a target must have a source.
