//! Variables of OVMF, with a boot option that a person would have typed into its menus: what is put into an empty store.

use std::{fs, path::Path};

use imgc_qemu::Host;
use imgc_tests::qemu::Firmware;

/// EFI_GLOBAL_VARIABLE (UEFI 2.10, section 3.3) as it is stored: 8BE4DF61-93CA-11D2-AA0D-00E098032B8C.
const GLOBAL: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0, 0xe0, 0x98, 3, 0x2b, 0x8c];

/// Where the store's records begin: behind the headers of its volume and of itself (edk2, `VariableFormat.h`).
const RECORDS: usize = 0x64;

/// Kept over resets, seen by firmware and by systems (UEFI 2.10, section 8.2).
const KEPT: u32 = 7;

/// Writes the variables of a new machine with a first boot option that is this URL.
pub fn with_boot_option(file: &Path, url: &str) {
    let flash = Host::find().and_then(|host| host.flash(Firmware::Uefi)).expect("OVMF").expect("a file");
    let mut store = fs::read(flash.variables).expect("readable");
    let records = [record("Boot0000", &load_option(url)), record("BootOrder", &[0, 0])].concat();
    let room = &mut store[RECORDS..][..records.len()];
    assert!(room.iter().all(|byte| *byte == 0xff), "the store is empty");
    room.copy_from_slice(&records);
    fs::write(file, store).expect("written");
}

/// AUTHENTICATED_VARIABLE_HEADER (edk2, `VariableFormat.h`), name and data.
fn record(name: &str, data: &[u8]) -> Vec<u8> {
    let name = utf16(name);
    let mut bytes = vec![0xaa, 0x55, 0x3f, 0];
    bytes.extend(KEPT.to_le_bytes());
    // A count, a time and a key: of variables that are signed.
    bytes.extend([0; 28]);
    for len in [name.len(), data.len()] {
        bytes.extend(u32::try_from(len).expect("it is short").to_le_bytes());
    }
    bytes.extend(GLOBAL);
    bytes.extend(name);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0xff);
    bytes
}

/// EFI_LOAD_OPTION (UEFI 2.10, section 3.1.3): active, with a path that is nothing but a URI (section 10.3.4.23), so that
/// firmware tries each network card.
fn load_option(url: &str) -> Vec<u8> {
    let len = |len: usize| u16::try_from(len).expect("it is short").to_le_bytes();
    let path = [&[3, 24], &len(4 + url.len())[..], url.as_bytes(), &[0x7f, 0xff, 4, 0]].concat();
    [&1_u32.to_le_bytes()[..], &len(path.len()), &utf16("HTTP"), &path].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}
