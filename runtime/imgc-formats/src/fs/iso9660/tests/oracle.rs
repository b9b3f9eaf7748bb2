//! xorriso and isoinfo.
