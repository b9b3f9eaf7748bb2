//! Text to plan, pure: sees the world only through one trait.
