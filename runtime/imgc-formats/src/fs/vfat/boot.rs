//! The boot sector and the FSInfo sector (FAT 1.03, sections 3.1 to 3.3 and 5).

use super::{
    geometry::{Geometry, Width},
    options::Options,
};

/// Where the number of sectors before the filesystem stands in a boot sector (`BPB_HiddSec`).
pub const HIDDEN: u64 = 0x1c;

/// The sector of FAT32's second boot sector (`BPB_BkBootSec`; the specification wants 6).
pub const BACKUP: u64 = 6;

/// The sector of FAT32's free counts (`BPB_FSInfo`).
pub const FS_INFO: u64 = 1;

/// The name of the formatter (`BS_OEMName`), eight characters that readers ignore.
const OEM_NAME: &[u8; 8] = b"imgc    ";

/// What the boot code prints.
const MESSAGE: &[u8] = b"This volume is not bootable.\r\n\0";

/// The boot code, before its message; the two bytes at index 8 receive the message's address.
///
/// ```text
/// cli; xor ax,ax; mov ds,ax; cld; sti; mov si,MESSAGE
/// next: lodsb; test al,al; jz done; mov ah,0eh; mov bx,7; int 10h; jmp next
/// done: int 18h            ; let the firmware try the next device
/// stop: hlt; jmp stop
/// ```
const CODE: [u8; 29] = [
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xfc, 0xfb, 0xbe, 0, 0, 0xac, 0x84, 0xc0, 0x74, 0x09, 0xb4, 0x0e, 0xbb,
    0x07, 0x00, 0xcd, 0x10, 0xeb, 0xf2, 0xcd, 0x18, 0xf4, 0xeb, 0xfd,
];

/// Writes fields at the specification's offsets.
struct Sector([u8; 512]);

impl Sector {
    fn bytes(&mut self, at: usize, data: &[u8]) {
        self.0[at..at + data.len()].copy_from_slice(data);
    }

    fn u8(&mut self, at: usize, value: u64) {
        self.0[at] = u8::try_from(value).expect("because the geometry keeps fields in their limits");
    }

    fn u16(&mut self, at: usize, value: u64) {
        let value = u16::try_from(value).expect("because the geometry keeps fields in their limits");
        self.bytes(at, &value.to_le_bytes());
    }

    fn u32(&mut self, at: usize, value: u64) {
        let value = u32::try_from(value).expect("because the geometry keeps fields in their limits");
        self.bytes(at, &value.to_le_bytes());
    }
}

/// The boot sector; the hidden sectors are 0 until they are stamped.
pub fn boot_sector(options: &Options, geometry: &Geometry) -> [u8; 512] {
    let fat32 = geometry.width == Width::Fat32;
    let mut out = Sector([0; 512]);
    out.bytes(3, OEM_NAME);
    out.u16(11, geometry.sector); // BPB_BytsPerSec
    out.u8(13, geometry.per_cluster); // BPB_SecPerClus
    out.u16(14, geometry.reserved); // BPB_RsvdSecCnt
    out.u8(16, geometry.fats); // BPB_NumFATs
    out.u16(17, if fat32 { 0 } else { options.root_entries }); // BPB_RootEntCnt
    let small = !fat32 && geometry.sectors < 0x1_0000;
    out.u16(19, if small { geometry.sectors } else { 0 }); // BPB_TotSec16
    out.u8(21, u64::from(options.media)); // BPB_Media
    out.u16(22, if fat32 { 0 } else { geometry.fat_sectors }); // BPB_FATSz16
    out.u16(24, 63); // BPB_SecPerTrk: what every BIOS reports for disks beyond 504 MiB
    out.u16(26, 255); // BPB_NumHeads
    out.u32(32, if small { 0 } else { geometry.sectors }); // BPB_TotSec32
    let extended = if fat32 { 64 } else { 36 };
    if fat32 {
        out.u32(36, geometry.fat_sectors); // BPB_FATSz32
        out.u32(44, 2); // BPB_RootClus
        out.u16(48, FS_INFO);
        out.u16(50, BACKUP);
    }
    out.u8(extended, 0x80); // BS_DrvNum
    out.u8(extended + 2, 0x29); // BS_BootSig: the three fields that follow are there
    out.u32(extended + 3, u64::from(options.serial)); // BS_VolID
    out.bytes(extended + 7, options.label.as_ref().unwrap_or(b"NO NAME    ")); // BS_VolLab
    out.bytes(extended + 18, format!("{:<8}", geometry.width.to_string()).as_bytes()); // BS_FilSysType
    let code = extended + 26;
    let jump = u8::try_from(code - 2).expect("because the code starts below 128");
    out.bytes(0, &[0xeb, jump, 0x90]); // BS_jmpBoot
    out.bytes(code, &CODE);
    out.u16(code + 8, 0x7c00 + (code + CODE.len()) as u64);
    out.bytes(code + CODE.len(), MESSAGE);
    out.bytes(510, &[0x55, 0xaa]);
    out.0
}

/// The sector with FAT32's free counts.
pub fn fs_info(free: u64, next: Option<u32>) -> [u8; 512] {
    let mut out = Sector([0; 512]);
    out.u32(0, 0x4161_5252); // FSI_LeadSig
    out.u32(484, 0x6141_7272); // FSI_StrucSig
    out.u32(488, free); // FSI_Free_Count
    out.u32(492, next.map_or(0xffff_ffff, u64::from)); // FSI_Nxt_Free
    out.u32(508, 0xaa55_0000); // FSI_TrailSig
    out.0
}
