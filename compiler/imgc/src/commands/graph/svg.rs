//! An SVG of the steps: a column for each distance from the sources, lines between boxes.

use imgc_plan::{Plan, step::Stage};

/// Height of a box, and room between boxes, in pixels.
const BOX: usize = 30;
const GAP: usize = 14;
/// Room between columns, in pixels.
const LANE: usize = 60;
/// Width of a character of the 12-pixel font, in pixels, with some room.
const GLYPH: usize = 7;

/// Where a step's box is.
struct Place {
    x: usize,
    y: usize,
    width: usize,
}

/// Draws a plan.
pub fn draw(plan: &Plan) -> String {
    let columns = columns(plan);
    let (places, width, height) = places(plan, &columns);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>steps of {}</title>\n",
        escape(&plan.image)
    );
    for (index, step) in plan.steps.iter().enumerate() {
        for input in &step.inputs {
            out.push_str(&line(&places[input.step], &places[index]));
        }
    }
    for (step, place) in plan.steps.iter().zip(&places) {
        let fill = if step.op.stage() == Stage::Gather { "#eef4ff" } else { "#fff4e5" };
        let Place { x, y, width } = place;
        out.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX}\" rx=\"4\" fill=\"{fill}\" stroke=\"#555\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            x + width / 2,
            y + BOX / 2 + 4,
            escape(&step.label)
        ));
    }
    out + "</svg>\n"
}

/// For each column the steps in it: a step stands right of everything that feeds it.
fn columns(plan: &Plan) -> Vec<Vec<usize>> {
    let mut rank = vec![0; plan.steps.len()];
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        rank[index] = step.inputs.iter().map(|input| rank[input.step] + 1).max().unwrap_or(0);
        if columns.len() <= rank[index] {
            columns.resize(rank[index] + 1, Vec::new());
        }
        columns[rank[index]].push(index);
    }
    columns
}

/// Places boxes: each column ordered by the mean height of what feeds its boxes, so that lines cross less.
fn places(plan: &Plan, columns: &[Vec<usize>]) -> (Vec<Place>, usize, usize) {
    let mut places: Vec<Place> = plan.steps.iter().map(|_| Place { x: 0, y: 0, width: 0 }).collect();
    let (mut x, mut height) = (GAP, 0);
    for column in columns {
        let mut order = column.clone();
        order.sort_by_key(|index| {
            let inputs = &plan.steps[*index].inputs;
            inputs.iter().map(|input| places[input.step].y).sum::<usize>() / inputs.len().max(1)
        });
        let longest = order.iter().map(|index| plan.steps[*index].label.chars().count()).max().unwrap_or(0);
        let width = longest * GLYPH + 2 * GAP;
        let mut y = GAP;
        for index in order {
            places[index] = Place { x, y, width };
            y += BOX + GAP;
        }
        height = height.max(y);
        x += width + LANE;
    }
    (places, x - LANE + GAP, height)
}

fn line(from: &Place, to: &Place) -> String {
    let (x1, y1) = (from.x + from.width, from.y + BOX / 2);
    let (x2, y2) = (to.x, to.y + BOX / 2);
    let bend = LANE / 2;
    format!(
        "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#888\"/>\n",
        x1 + bend,
        x2.saturating_sub(bend)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
