//! What fsck.exfat, dump.exfat, GRUB and our reader say of filesystems of ours, and our reader of those of mkfs.exfat.

mod bytes;
mod image;
mod limits;
mod oracle;
mod reading;
