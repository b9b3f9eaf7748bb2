//! What the author said becomes what it means: names are looked up, defaults filled in, disks numbered and laid out.

mod closed;
mod cycles;
mod disk;
mod facts;
mod loader;
mod names;
mod numbers;
mod options;
mod seals;
mod test;
mod verity;

pub use closed::{
    Archive, Chosen, Closed, Content, Disk, Fact, HashTree, Hashes, Installed, Loader, Made, Of, Output,
    Part, Tree,
};
pub use cycles::Item;
pub use test::Test;

use imgc_plan::{Family, kind::Traits, layout::PartSize};

use crate::{
    decode::{Cx, Spanned},
    model::{
        Manifest, archive, made, output,
        tree::{self, Op},
    },
    syntax::Node,
};
use options::Place;

/// 1980-01-01: the first day that every format in use can hold.
const EPOCH: i64 = 315_532_800;

/// Resolves a manifest. `None` when it has mistakes, all of which are reported then.
pub fn resolve(cx: &Cx<'_>, manifest: &Manifest, nodes: &[Node], epoch: Option<i64>) -> Option<Closed> {
    names::check(cx, nodes);
    let order = cycles::order(cx, manifest);
    let image = manifest.image.as_ref();
    let name = image.map_or_else(String::new, |image| image.name.value.clone());
    let seed = image.and_then(|image| image.seed.clone()).unwrap_or_else(|| name.clone());
    let epoch = image.and_then(|image| image.epoch).or(epoch).unwrap_or(EPOCH);
    let place = Place { seed: &seed, epoch, sector_size: 512 };
    let trees: Vec<Option<Tree>> =
        manifest.trees.iter().map(|tree| close_tree(cx, manifest, tree, &place)).collect();
    let archives: Vec<Option<Archive>> =
        manifest.archives.iter().map(|archive| close_archive(cx, manifest, archive, &place)).collect();
    let disks: Vec<Option<Disk>> =
        manifest.disks.iter().map(|disk| disk::close(cx, manifest, disk, &place)).collect();
    let outputs: Vec<Option<Output>> =
        manifest.outputs.iter().map(|output| close_output(cx, manifest, output, &place)).collect();
    let facts = facts::look_up(cx, &disks, &archives);
    let tests = test::close(cx, manifest);
    if cx.has_errors() {
        return None;
    }
    Some(Closed {
        facts,
        name,
        epoch,
        trees: trees.into_iter().collect::<Option<_>>()?,
        archives: archives.into_iter().collect::<Option<_>>()?,
        disks: disks.into_iter().collect::<Option<_>>()?,
        outputs: outputs.into_iter().collect::<Option<_>>()?,
        tests: tests?,
        order,
    })
}

fn close_tree(cx: &Cx<'_>, manifest: &Manifest, tree: &tree::Tree, place: &Place<'_>) -> Option<Tree> {
    let close = |op: &Spanned<tree::Said>| {
        let value = match &op.value {
            Op::Plain(plain) => Op::Plain(plain.clone()),
            Op::Copy(copy) => Op::Copy(names::close_copy(manifest, copy)?),
            Op::Loader(said) => {
                let loader = loader::in_tree(cx, manifest, said, &tree.name.value, place)?;
                Op::Loader(Box::new(loader))
            }
        };
        Some(Spanned { value, span: op.span })
    };
    // Each is judged, also after one that has mistakes.
    let ops: Vec<Option<Spanned<Op<usize, Loader>>>> = tree.ops.iter().map(close).collect();
    let ops = ops.into_iter().collect::<Option<_>>()?;
    Some(Tree { name: tree.name.value.clone(), span: tree.name.span, ops })
}

fn close_archive(
    cx: &Cx<'_>,
    manifest: &Manifest,
    archive: &archive::Archive,
    place: &Place<'_>,
) -> Option<Archive> {
    let node = format!("archive/{}", archive.name.value);
    let tree = archive.tree.as_ref().and_then(|tree| names::tree(manifest, &tree.value));
    let made = close_made(cx, tree, archive.made.as_ref()?, &node, place)?;
    Some(Archive { name: archive.name.value.clone(), span: archive.name.span, tree: tree?, made })
}

fn close_output(
    cx: &Cx<'_>,
    manifest: &Manifest,
    output: &output::Output,
    place: &Place<'_>,
) -> Option<Output> {
    let node = format!("output/{}", output.file.value);
    let format = options::complete(cx, &output.format, &node, place);
    let of = match &output.of {
        output::Of::Disk(name) => {
            Of::Disk(manifest.disks.iter().position(|disk| disk.name.value == name.value)?)
        }
        output::Of::Archive(name) => {
            Of::Archive(manifest.archives.iter().position(|archive| archive.name.value == name.value)?)
        }
        output::Of::Tree(tree, made) => {
            let tree = names::tree(manifest, &tree.value);
            let family =
                if matches!(made.kind.kind.family, Family::Filesystem) { "filesystem" } else { "archive" };
            let made = close_made(cx, tree, made, &format!("{node}/{family}"), place)?;
            Of::Tree { tree: tree?, made }
        }
        output::Of::Directory(tree) => Of::Directory(names::tree(manifest, &tree.value)?),
    };
    Some(Output {
        file: output.file.value.clone(),
        span: output.file.span,
        of,
        format,
        tested: output.tested.is_some(),
    })
}

/// What a tree becomes; `node` is the place of its options.
fn close_made(
    cx: &Cx<'_>,
    tree: Option<usize>,
    made: &made::Made,
    node: &str,
    place: &Place<'_>,
) -> Option<Made> {
    let kind = options::complete(cx, &made.kind, node, place);
    Some(match &made.kind.kind.traits {
        Traits::Filesystem(traits) => {
            if let Some(PartSize::Exact(len)) = made.size {
                options::check_len(cx, &kind, len, made.kind.span);
            }
            let content = Content { kind, traits, tree, span: made.kind.span };
            let hashes = made.verity.as_ref().map(|said| verity::tree(said, node, place));
            Made::Filesystem { content, size: made.size.clone()?, hashes }
        }
        _ => Made::Packed(kind),
    })
}
