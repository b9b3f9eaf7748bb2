//! The answer: a solved disk, as values and as facts.

use serde::Serialize;

use super::spec::PartRole;
use crate::data::{Data, Record};

/// A solved disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// The disk's length in bytes.
    pub len: u64,
    /// Bytes in a sector.
    pub sector_size: u32,
    /// The partitions, in the order of the manifest.
    pub parts: Vec<PlacedPart>,
}

/// A partition with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlacedPart {
    /// Its name in the manifest.
    pub name: String,
    /// Its number in the table; 0 when it is not listed.
    pub number: u32,
    /// Primary or logical.
    pub role: PartRole,
    /// Its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Its type.
    pub type_code: String,
    /// The name that the table stores.
    pub table_name: String,
    /// Its GUID.
    pub uuid: Option<String>,
    /// Whether it is marked bootable.
    pub bootable: bool,
    /// Attribute bits.
    pub attributes: u64,
}

/// The extended partition that holds the logical ones. It is nobody's wish: it follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extended {
    /// Its number: the lowest that no primary partition has.
    pub number: u32,
    /// Its first byte, where the first boot record lies.
    pub start: u64,
    /// Its length in bytes, up to the end of the last logical partition.
    pub len: u64,
    /// For each logical partition in the order of the disk: its index in [`Layout::parts`], and the byte of the sector
    /// with its boot record.
    pub records: Vec<(usize, u64)>,
}

/// Where a boot record lies before its partition when there is room: partitioning tools put 1 MiB between them.
const RECORD_GRAIN: u64 = 1 << 20;

impl PlacedPart {
    /// Whether the table lists it.
    pub fn listed(&self) -> bool {
        self.number > 0
    }

    /// The first byte after it.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

impl Layout {
    /// The partition of this name.
    pub fn part(&self, name: &str) -> Option<&PlacedPart> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The extended partition; `None` when there are no logical ones.
    ///
    /// A boot record lies at the last multiple of 1 MiB before its partition if nothing else is there, else in the
    /// sector right before it, which the solver keeps free.
    pub fn extended(&self) -> Option<Extended> {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|index| self.parts[*index].start);
        let sector = u64::from(self.sector_size);
        let (mut free, mut records, mut end) = (sector, Vec::new(), 0);
        for index in order {
            let part = &self.parts[index];
            if part.role == PartRole::Logical {
                let last = part.start.saturating_sub(sector);
                let grain = last - last % RECORD_GRAIN;
                records.push((index, if grain >= free { grain } else { last }));
                end = part.end();
            }
            free = free.max(part.end());
        }
        let start = records.first()?.1;
        let taken = |number: u32| {
            self.parts.iter().any(|part| part.role == PartRole::Primary && part.number == number)
        };
        let number = (1..=u32::MAX).find(|number| !taken(*number))?;
        Some(Extended { number, start, len: end.saturating_sub(start), records })
    }

    /// The layout as facts: `len`, `sector_size`, `order` (the names) and
    /// `parts.NAME.{number,role,start,len,start_sector,type,name,uuid,bootable,attributes}`. Attributes are 64 bits and
    /// thus a text, `0x` and 16 digits; `uuid` is only there when the partition has one.
    pub fn to_data(&self) -> Data {
        let parts = self.parts.iter().map(|part| (part.name.clone(), self.part_data(part))).collect();
        let order = self.parts.iter().map(|part| Data::Text(part.name.clone())).collect();
        Data::Map(Record::from([
            ("len".into(), self.len.into()),
            ("sector_size".into(), u64::from(self.sector_size).into()),
            ("order".into(), Data::List(order)),
            ("parts".into(), Data::Map(parts)),
        ]))
    }

    fn part_data(&self, part: &PlacedPart) -> Data {
        let PlacedPart {
            name: _,
            number,
            role,
            start,
            len,
            type_code,
            table_name,
            uuid,
            bootable,
            attributes,
        } = part;
        let mut map = Record::from([
            ("number".into(), u64::from(*number).into()),
            ("role".into(), role.name().into()),
            ("start".into(), (*start).into()),
            ("len".into(), (*len).into()),
            ("start_sector".into(), (start / u64::from(self.sector_size.max(1))).into()),
            ("type".into(), type_code.as_str().into()),
            ("name".into(), table_name.as_str().into()),
            ("bootable".into(), (*bootable).into()),
            ("attributes".into(), Data::Text(format!("{attributes:#018x}"))),
        ]);
        if let Some(uuid) = uuid {
            map.insert("uuid".into(), uuid.as_str().into());
        }
        Data::Map(map)
    }

    /// Reads the facts back; `None` when they are not a layout.
    pub fn from_data(data: &Data) -> Option<Self> {
        let parts = data.pick("parts")?.as_map()?;
        let order = data.pick("order")?.as_list()?;
        if order.len() != parts.len() {
            return None;
        }
        let part = |name: &Data| PlacedPart::from_data(name.as_text()?, parts.get(name.as_text()?)?);
        Some(Self {
            len: data.pick("len")?.as_u64()?,
            sector_size: data.pick("sector_size")?.as_u64()?.try_into().ok()?,
            parts: order.iter().map(part).collect::<Option<_>>()?,
        })
    }
}

impl PlacedPart {
    fn from_data(name: &str, data: &Data) -> Option<Self> {
        let text = |key| Some(data.pick(key)?.as_text()?.to_owned());
        let bits = text("attributes")?;
        Some(Self {
            name: name.to_owned(),
            number: data.pick("number")?.as_u64()?.try_into().ok()?,
            role: PartRole::from_name(&text("role")?)?,
            start: data.pick("start")?.as_u64()?,
            len: data.pick("len")?.as_u64()?,
            type_code: text("type")?,
            table_name: text("name")?,
            uuid: text("uuid"),
            bootable: data.pick("bootable")?.as_bool()?,
            attributes: u64::from_str_radix(bits.strip_prefix("0x")?, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, number: u32, role: PartRole, start: u64, len: u64) -> PlacedPart {
        PlacedPart {
            name: name.into(),
            number,
            role,
            start,
            len,
            type_code: "83".into(),
            table_name: "né".into(),
            uuid: None,
            bootable: number == 1,
            attributes: u64::from(number) << 60,
        }
    }

    #[test]
    fn facts_are_read_back_in_the_order_of_the_manifest() {
        let mut layout = Layout { len: 1 << 30, sector_size: 512, parts: Vec::new() };
        for (number, name) in [(8, "zeta"), (1, "alpha"), (3, "my.data")] {
            layout.parts.push(part(name, number, PartRole::Primary, u64::from(number) << 20, 1 << 20));
        }
        layout.parts[0].uuid = Some("00000000-0000-0000-0000-000000000001".into());
        let data = layout.to_data();
        assert_eq!(Layout::from_data(&data).as_ref(), Some(&layout));
        assert_eq!(data.pick("parts.zeta.start_sector"), Some(&Data::Int(16384)));
        assert_eq!(data.pick("parts.zeta.attributes"), Some(&"0x8000000000000000".into()));
        assert_eq!(data.pick("parts.alpha.uuid"), None);
        assert_eq!(Layout::from_data(&Data::Bool(false)), None);
        let Data::Map(mut map) = data else { panic!("a layout is a record") };
        map.insert("order".into(), Data::List(vec!["zeta".into(), "alpha".into()]));
        assert_eq!(Layout::from_data(&Data::Map(map)), None, "an order that leaves a partition out");
    }

    #[test]
    fn boot_records_lie_a_mebibyte_before_their_partitions_if_there_is_room() {
        let mib = 1 << 20;
        let mut parts = vec![
            part("a", 1, PartRole::Primary, mib, 9 * mib),
            part("b", 5, PartRole::Logical, 11 * mib, 4 * mib),
            part("c", 6, PartRole::Logical, 15 * mib + 512, mib),
        ];
        let layout = Layout { len: 100 * mib, sector_size: 512, parts: parts.clone() };
        let extended = layout.extended().expect("there are logical partitions");
        assert_eq!((extended.number, extended.start, extended.len), (2, 10 * mib, 6 * mib + 512));
        assert_eq!(extended.records, [(1, 10 * mib), (2, 15 * mib)]);
        parts.truncate(1);
        assert_eq!(Layout { parts, ..layout }.extended(), None);
    }
}
