//! `examples/hello-linux`: Linux from a GPT disk, on every bus that its kernel and a BIOS know, as its own test says.

use imgc_tests::build::imgc_test;

#[test]
fn linux_says_hello_on_every_bus() {
    let results = imgc_test("hello-linux", &[("message", "a message from the test")]);
    let titles: Vec<&str> = results.iter().filter_map(|one| one["title"].as_str()).collect();
    assert_eq!(titles, ["hello.img bios virtio", "hello.img bios ide", "hello.img bios nvme"]);
    assert!(results.iter().all(|one| one["result"] == "passed" && one["cached"] == false), "{results:#?}");
}
