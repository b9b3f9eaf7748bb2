//! Cases by name: where partitions come to lie, and what is said when they cannot.

use super::*;

/// Solves and gives (start, length) in units of `unit`, in the order of the manifest.
fn places(spec: &DiskSpec, fits: &[Option<u64>], unit: u64) -> Vec<(u64, u64)> {
    let layout = solve(spec, fits).unwrap_or_else(|problems| panic!("{problems:#?}"));
    layout.parts.iter().map(|part| (part.start / unit, part.len / unit)).collect()
}

/// Solves and gives each problem as `code part: message; help`.
fn complaints(spec: &DiskSpec) -> Vec<String> {
    let problems = solve(spec, &[]).expect_err("it cannot be");
    let text = |problem: &LayoutProblem| {
        let part = problem.part.as_deref().unwrap_or("disk");
        let help = problem.help.as_deref().unwrap_or("-");
        format!("{} {part}: {}; {help}", problem.code, problem.message)
    };
    problems.iter().map(text).collect()
}

#[test]
fn a_fill_takes_every_aligned_byte_before_the_backup_table() {
    let spec = disk(gpt(), Some(512 * MIB), vec![part(1, exact(1)), part(2, fill(1))]);
    assert_eq!(places(&spec, &[], MIB), [(1, 1), (2, 509)]);
    let fine = spec.parts.into_iter().map(|part| PartSpec { align: 512, ..part }).collect();
    let spec = DiskSpec { parts: fine, ..spec };
    assert_eq!(places(&spec, &[], 512), [(34, 2048), (2082, 512 * 2048 - 33 - 2082)]);
    let spec = disk(gpt(), Some(2 * MIB), vec![part(1, fill(1))]);
    assert_eq!(places(&spec, &[], 512), [(2048, 2048 - 33)], "shorter than its alignment");
}

#[test]
fn fills_share_by_weight_and_the_last_takes_what_rounding_leaves() {
    let spec = disk(mbr(), Some(102 * MIB), vec![part(1, fill(1)), part(2, fill(1))]);
    assert_eq!(places(&spec, &[], MIB), [(1, 50), (51, 51)]);
    let spec = disk(mbr(), Some(101 * MIB), vec![part(1, fill(3)), part(2, fill(1)), part(3, exact(20))]);
    assert_eq!(places(&spec, &[], MIB), [(1, 60), (61, 20), (81, 20)]);
    let spec = disk(mbr(), Some(1001 * MIB), vec![part(1, fill(u32::MAX)), part(2, fill(u32::MAX))]);
    assert_eq!(places(&spec, &[], MIB), [(1, 500), (501, 500)]);
}

#[test]
fn a_fill_that_meets_its_limit_leaves_the_rest_to_the_others() {
    let limited = |min, max: Option<u64>| PartSize::Fill { weight: 1, min, max };
    let parts = vec![part(1, limited(0, Some(10 * MIB))), part(2, limited(60 * MIB, None)), part(3, fill(1))];
    assert_eq!(places(&disk(mbr(), Some(101 * MIB), parts), &[], MIB), [(1, 10), (11, 60), (71, 30)]);
    let parts = vec![part(1, limited(0, Some(10 * MIB))), part(2, limited(0, Some(20 * MIB)))];
    assert_eq!(places(&disk(mbr(), Some(101 * MIB), parts), &[], MIB), [(1, 10), (11, 20)]);
}

#[test]
fn fixed_starts_leave_gaps_and_need_no_order() {
    let parts = vec![
        at(50 * MIB, part(1, fill(1))),
        at(20 * MIB, part(2, exact(5))),
        part(3, fill(1)),
        at(90 * MIB, part(4, exact(4))),
    ];
    let spec = disk(mbr(), Some(100 * MIB), parts);
    assert_eq!(places(&spec, &[], MIB), [(50, 40), (20, 5), (25, 25), (90, 4)]);
}

#[test]
fn a_floating_partition_goes_past_a_fixed_one_that_is_in_its_way() {
    let parts = vec![part(1, fill(1)), part(2, fill(1)), at(3 * MIB / 2, part(3, fill(1)))];
    let parts = parts.into_iter().map(|part| PartSpec { align: 2 * MIB, ..part }).collect();
    let mut spec = disk(mbr(), Some(16 * MIB), parts);
    spec.parts[0].start = Some(MIB);
    assert_eq!(places(&spec, &[], MIB / 2), [(2, 1), (4, 28), (3, 1)]);
}

#[test]
fn lengths_are_whole_sectors_and_the_disk_is_as_long_as_it_must_be() {
    let fit = PartSize::Fit { slack: Slack { bytes: 1000, percent: 50 }, min: 0, max: None };
    let parts = vec![part(1, PartSize::Exact(1)), part(2, fit)];
    let spec = disk(gpt(), None, parts);
    let layout = solve(&spec, &[Some(4000)]).expect("fits");
    assert_eq!(
        (layout.parts[0].len, layout.parts[1].len),
        (512, MIB),
        "a fit is a whole unit of its alignment"
    );
    assert_eq!(layout.len, 3 * MIB + 33 * 512);
    assert_eq!(solve(&spec, &[None]).expect("fits").parts[1].len, MIB, "unknown content stands for nothing");
    let sized = DiskSpec { len: Some(4 * MIB), ..spec.clone() };
    let layout = solve(&sized, &[Some(4000)]).expect("fits");
    assert_eq!(layout.parts[1].len, 6144, "on a disk of a given size only whole sectors");
    let spec = DiskSpec { sector_size: 4096, rules: TableRules { head: 6, tail: 5, ..gpt() }, ..spec };
    let layout = solve(&spec, &[Some(4000)]).expect("fits");
    assert_eq!((layout.parts[0].len, layout.parts[1].len), (4096, MIB));
    assert_eq!(layout.len, 3 * MIB + 5 * 4096);
    assert_eq!(solve(&disk(gpt(), None, vec![]), &[]).expect("empty").len, 67 * 512);
}

#[test]
fn slack_yields_to_max_but_content_does_not() {
    let fit = PartSize::Fit { slack: Slack { bytes: MIB, percent: 0 }, min: 0, max: Some(4 * MIB) };
    let spec = disk(mbr(), None, vec![part(1, fit)]);
    assert_eq!(places(&spec, &[Some(4 * MIB - 5)], MIB), [(1, 4)]);
    let problems = solve(&spec, &[Some(6 * MIB)]).expect_err("too much");
    assert_eq!(problems[0].code, "partition-too-small");
    assert_eq!(
        problems[0].message,
        "the content of `p1` needs 6 MiB, but the partition may have at most 4 MiB: 2 MiB too much"
    );
    assert_eq!(
        problems[0].help.as_deref(),
        Some("raise its max to at least \"6MiB\", or leave something out")
    );
}

#[test]
fn logical_partitions_have_a_boot_record_at_an_aligned_place_before_them() {
    let parts = vec![
        part(1, exact(9)),
        logical(part(5, exact(4))),
        logical(part(6, PartSize::Exact(MIB + 512))),
        logical(part(7, fill(1))),
    ];
    let spec = disk(mbr(), Some(64 * MIB), parts);
    assert_eq!(places(&spec, &[], MIB), [(1, 9), (11, 4), (16, 1), (19, 45)]);
    let extended = solve(&spec, &[]).expect("fits").extended().expect("has logical ones");
    assert_eq!((extended.number, extended.start / MIB, extended.len / MIB), (2, 10, 54));
    assert_eq!(extended.records, [(1, 10 * MIB), (2, 15 * MIB), (3, 18 * MIB)]);
}

#[test]
fn a_fill_before_a_fixed_logical_partition_leaves_the_boot_record_its_sector() {
    let parts = vec![part(1, fill(1)), at(32 * MIB, logical(part(5, fill(1))))];
    let spec = disk(mbr(), Some(64 * MIB), parts);
    assert_eq!(places(&spec, &[], MIB), [(1, 30), (32, 32)]);
}

#[test]
fn a_disk_that_is_too_small_says_by_how_much() {
    let spec = disk(mbr(), Some(512 * MIB), vec![part(1, exact(99)), part(2, exact(600))]);
    assert_eq!(
        complaints(&spec),
        ["disk-too-small disk: the disk needs 700 MiB, but it has 512 MiB: 188 MiB too little; \
             make the disk at least \"700MiB\", or make something smaller: `p2` takes 600 MiB"]
    );
    let spec = disk(gpt(), Some(2 * MIB), vec![part(1, exact(1))]);
    assert!(complaints(&spec)[0].contains("16.5 KiB too little; make the disk at least \"3MiB\""));
    assert!(complaints(&disk(gpt(), Some(0), vec![]))[0].starts_with("disk-too-small"));
}

#[test]
fn overlaps_name_both_partitions_and_what_would_do() {
    let spec = disk(mbr(), Some(200 * MIB), vec![part(1, exact(100)), at(50 * MIB, part(2, exact(10)))]);
    assert_eq!(
        complaints(&spec),
        ["partition-overlap p2: `p2` starts at 50 MiB, but `p1` reaches to 101 MiB: 51 MiB too early; \
             start `p2` at \"101MiB\" or later, or make `p1` no longer than \"49MiB\""]
    );
    let parts = vec![at(MIB, part(1, exact(3))), at(4 * MIB, logical(part(5, exact(1))))];
    let said = complaints(&disk(mbr(), Some(200 * MIB), parts));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("`p5` starts with its boot record at 3.9 MiB (4193792 B)"), "{said:?}");
    let same = vec![at(MIB, part(1, exact(3))), at(MIB, part(2, exact(1)))];
    assert!(complaints(&disk(mbr(), None, same))[0].starts_with("partition-overlap p2"));
}

#[test]
fn fixed_starts_outside_of_the_usable_space_are_refused() {
    let parts =
        vec![at(512, part(1, exact(1))), at(600 * MIB, part(2, exact(1))), at(5000, part(3, exact(1)))];
    let said = complaints(&disk(gpt(), Some(512 * MIB), parts));
    let codes: Vec<&str> = said.iter().map(|text| text.split(':').next().expect("a code")).collect();
    assert_eq!(
        codes,
        [
            "partition-misaligned p3",
            "partition-before-first p1",
            "partition-before-first p3",
            "partition-overlap p3",
            "partition-outside-disk p2"
        ]
    );
    assert!(said[0].ends_with("the next multiples are \"4608B\" or \"5KiB\""), "{}", said[0]);
    assert!(said[1].contains("takes the first 17 KiB; start it at \"1MiB\" or later"), "{}", said[1]);
    assert!(said[4].contains("make the disk at least \"602MiB\""), "{}", said[4]);
}

#[test]
fn names_and_numbers_are_checked() {
    let twice = PartSpec { name: "p1".into(), ..part(1, exact(1)) };
    // Number 0 is that of a partition that the table does not list.
    let mut parts = vec![part(1, exact(1)), twice, part(0, exact(1)), part(129, exact(1))];
    parts.push(logical(part(5, exact(1))));
    let said = complaints(&disk(gpt(), None, parts));
    let codes: Vec<&str> = said.iter().map(|text| text.split(':').next().expect("a code")).collect();
    assert_eq!(
        codes,
        [
            "partition-name-taken p1",
            "partition-number-taken p1",
            "partition-number p129",
            "partition-logical p5"
        ]
    );
    assert!(said[2].ends_with("primary partitions have numbers from 1 to 128"));
}

#[test]
fn an_extended_partition_takes_a_slot() {
    let mut parts: Vec<PartSpec> = (1..=4).map(|number| part(number, exact(1))).collect();
    assert!(solve(&disk(mbr(), None, parts.clone()), &[]).is_ok());
    parts.push(logical(part(5, exact(1))));
    assert_eq!(
        complaints(&disk(mbr(), None, parts)),
        [
            "too-many-partitions disk: the table has room for 4 partitions, but there are 4 and the extended one for the \
             logical ones: 1 too many; make 1 more of them logical, or use a GPT"
        ]
    );
}

#[test]
fn logical_partitions_lie_together_in_the_order_of_their_numbers() {
    let parts = vec![logical(part(5, exact(1))), part(1, exact(1)), logical(part(6, exact(1)))];
    let said = complaints(&disk(mbr(), None, parts));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("partition-interleaved p1: `p1` is a primary partition between"), "{said:?}");
    let parts = vec![logical(part(6, exact(1))), logical(part(5, exact(1)))];
    assert!(complaints(&disk(mbr(), None, parts))[0].starts_with("partition-number-order p5"));
}

#[test]
fn a_table_that_counts_sectors_in_32_bits_ends_at_2_tib() {
    let tib = 1 << 40;
    let spec = disk(mbr(), Some(2 * tib), vec![part(1, fill(1))]);
    assert_eq!(places(&spec, &[], 512), [(2048, u64::from(u32::MAX) + 1 - 2048)]);
    let said = complaints(&DiskSpec { len: Some(3 * tib), ..spec });
    assert_eq!(
        said,
        [
            "partition-beyond-table p1: `p1` reaches to 3 TiB, but this table can address only 2 TiB: 1 TiB too far; \
             use a GPT, or limit it to \"2097151MiB\""
        ]
    );
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let limits = PartSize::Fill { weight: 1, min: 3 * MIB, max: Some(2 * MIB) };
    let parts = vec![part(1, PartSize::Exact(0)), part(2, fill(1)), part(3, limits)];
    let said = complaints(&disk(mbr(), None, parts));
    assert_eq!(said.len(), 3);
    assert!(said[0].starts_with("partition-empty p1"));
    assert!(said[1].starts_with("fill-without-size p2: `p2` fills what is left, but the disk has no size"));
    assert!(said[2].starts_with("partition-limits p3: `p3` must have at least 3 MiB and may have at most 2"));
    let min = PartSize::Fill { weight: 1, min: 5 * MIB, max: None };
    assert_eq!(places(&disk(mbr(), None, vec![part(1, min)]), &[], MIB), [(1, 5)]);
    let odd = DiskSpec { sector_size: 520, ..disk(mbr(), None, vec![]) };
    assert!(complaints(&odd)[0].starts_with("sector-size"));
    assert!(complaints(&disk(mbr(), Some(1000), vec![]))[0].contains("\"512B\" or \"1KiB\""));
    let endless = disk(gpt(), None, vec![part(1, PartSize::Exact(u64::MAX))]);
    assert!(complaints(&endless)[0].starts_with("disk-too-large"));
}

#[test]
fn a_bare_disk_is_its_one_partition_from_the_first_byte() {
    let spec = |size| disk(TableRules::BARE, None, vec![PartSpec { align: 512, ..part(1, size) }]);
    let fit = PartSize::Fit { slack: Slack { bytes: 1000, percent: 0 }, min: 0, max: None };
    let layout = solve(&spec(fit), &[Some(100)]).expect("a layout");
    assert_eq!((layout.len, layout.parts[0].start, layout.parts[0].len), (1536, 0, 1536));
    assert_eq!(places(&spec(exact(7)), &[], MIB), [(0, 7)]);
    let two = disk(TableRules::BARE, None, vec![part(1, exact(1)), part(2, exact(1))]);
    assert!(complaints(&two).iter().any(|text| text.starts_with("too-many-partitions")));
}

#[test]
fn a_disk_that_begins_with_a_medium_is_whole_mib() {
    let fit = PartSize::Fit { slack: Slack::default(), min: 0, max: None };
    let medium =
        |start| PartSpec { system_area: 32768, ..at(start, PartSpec { number: 0, ..part(9, fit.clone()) }) };
    let len = |spec: &DiskSpec| solve(spec, &[Some(3 * MIB + 5)]).expect("fits").len;
    let spec = disk(gpt(), None, vec![medium(0), part(1, exact(4))]);
    assert_eq!(len(&spec), 9 * MIB);
    let elsewhere = disk(gpt(), None, vec![medium(MIB), part(1, exact(4))]);
    assert_eq!(len(&elsewhere), 9 * MIB + 33 * 512);
    let sized = DiskSpec { len: Some(9 * MIB + 512), ..spec };
    assert_eq!(len(&sized), 9 * MIB + 512);
}
