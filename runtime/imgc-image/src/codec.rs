//! Values as the store keeps them (version 1, normative in `specs/store.md`). Decoding trusts nothing.
