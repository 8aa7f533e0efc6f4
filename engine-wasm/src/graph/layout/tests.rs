use super::super::tests::{STAGES, engine};
use super::super::{EngineState, Format, Kind, MAX_NODES, Relation, from_dockerfile, from_engine};
use super::*;

/// An engine of many images: three of ten grow on five bases, some have several tags; and a container for seven images of ten.
fn many(count: usize) -> Graph {
    let digest = |name: String| format!("sha256:{name:0<64}");
    let mut inspects = Vec::new();
    let mut containers = Vec::new();
    for i in 0..count {
        let family = (i % 10 < 3).then_some(i / 10 % 5);
        let mut layers: Vec<String> = match family {
            Some(f) => (0..=f % 3).map(|depth| digest(format!("ba5e{f}{depth}"))).collect(),
            None => Vec::new(),
        };
        layers.extend((0..i % 4 + usize::from(family.is_none())).map(|own| digest(format!("aa{i}e{own}"))));
        let name = match family {
            Some(f) => format!("family-{f}/service-{i}"),
            None => format!("image-{i}"),
        };
        let mut tags = vec![format!("{name}:latest")];
        tags.extend((0..if i % 9 == 0 { i % 6 } else { 0 }).map(|n| format!("registry.example.com/{name}:1.{n}")));
        let id = digest(format!("{i:x}1d"));
        inspects.push(json!({"Id": id, "RepoTags": tags, "Size": 1_000_000 * (i + 1), "RootFS": {"Layers": layers}}));
        if i % 20 < 3 {
            let state = if i % 3 == 0 { "exited" } else { "running" };
            containers.push(json!({"Id": format!("c{i}"), "Names": [format!("/container-{i}")], "ImageID": id, "State": state, "SizeRw": i}));
        }
    }
    let containers = json!(containers);
    from_engine(&EngineState { inspects: &inspects, containers: Some(&containers), ..EngineState::default() })
}

/// A Dockerfile whose stages begin with two images and copy from each other.
fn stages(count: usize) -> String {
    let mut text = String::from("FROM golang:1.25 AS stage0\nRUN true\n");
    for i in 1..count {
        let from = if i % 3 == 0 { "alpine:3.22".to_owned() } else { format!("stage{}", i / 2) };
        text.push_str(&format!("FROM {from} AS stage{i}\nCOPY --from=stage{} /src/module-{i} /out/\n", i * 2 / 3));
        if i + 1 == count {
            text.push_str("COPY --from=stage1 /a /\nCOPY --from=stage3 /b /\nRUN --mount=from=stage4,target=/t true\n");
        }
    }
    text
}

/// Boxes that overlap, and lines that run through boxes.
fn faults(graph: &Graph, layout: &Layout) -> usize {
    let touches = |p: &Place, (x1, y1): (i64, i64), (x2, y2): (i64, i64)| {
        x1.max(x2) > p.x && x1.min(x2) < p.x + p.width && y1.max(y2) > p.y && y1.min(y2) < p.y + p.height
    };
    let mut faults = 0;
    for (i, a) in layout.places.iter().enumerate() {
        for b in layout.places.iter().skip(i + 1) {
            faults +=
                usize::from(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height);
        }
    }
    for (edge, path) in graph.edges.iter().zip(&layout.paths) {
        // Straight lines may not cross other boxes, and bends stay within the rectangle of their ends.
        for pair in path.points.windows(2) {
            let &[from, to] = pair else { continue };
            for (i, place) in layout.places.iter().enumerate() {
                let own = i == edge.from || i == edge.to;
                faults += usize::from(!own && touches(place, from, to));
            }
        }
    }
    faults
}

#[test]
fn nothing_overlaps() {
    for graph in [
        engine(),
        from_dockerfile(STAGES, &Default::default()),
        from_dockerfile(&stages(9), &Default::default()),
        random(60, 110),
        random(200, 260),
        many(200),
    ] {
        let layout = Layout::new(&graph, None).unwrap();
        assert_eq!(faults(&graph, &layout), 0, "{}", graph.title);
        for (edge, path) in graph.edges.iter().zip(&layout.paths) {
            let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
            assert_eq!(path.points[0].0, from.centre());
            assert_eq!(path.points.last().unwrap().0, to.centre());
        }
    }
}

fn random(nodes: usize, edges: usize) -> Graph {
    let mut graph = Graph::new(format!("random {nodes}"));
    let mut state = 12345u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for i in 0..nodes {
        let mut node = Node::new(format!("n{i}"), Kind::Layer, "x".repeat(1 + next(40)));
        node.detail = "y".repeat(next(3));
        graph.node(node);
    }
    for _ in 0..edges {
        let (a, b) = (next(nodes), next(nodes));
        graph.edge(a, b, Relation::On, "");
    }
    graph
}

#[test]
fn the_same_graph_gives_the_same_picture_and_a_new_node_moves_little() {
    let graph = engine();
    assert_eq!(graph.write(Format::Svg), engine().write(Format::Svg));
    let before = Layout::new(&graph, None).unwrap();
    let mut more = graph.clone();
    let tag = more.node(Node::new("tag:new:1", Kind::Tag, "new:1"));
    let image = more.find("image:sha256:cccc").unwrap();
    more.edge(tag, image, Relation::Names, "");
    let after = Layout::new(&more, Some(&before)).unwrap();
    for rank in before.places.iter().map(|p| p.y).collect::<std::collections::BTreeSet<_>>() {
        let order = |layout: &Layout| {
            let mut row: Vec<usize> = (0..graph.nodes.len()).filter(|i| before.places[*i].y == rank).collect();
            row.sort_by_key(|i| layout.places[*i].x);
            row
        };
        assert_eq!(order(&before), order(&after));
    }
}

#[test]
fn too_much_is_refused_and_much_is_drawn() {
    let mut graph = random(MAX_NODES, 12_000);
    let long = Layout::new(&graph, None);
    assert!(long.is_ok() || matches!(long, Err(Error::TooLong(_))));
    graph.node(Node::new("one", Kind::Layer, "more"));
    assert_eq!(graph.write(Format::Dot), Err(Error::TooManyNodes(MAX_NODES + 1)));
    let mut star = Graph::new("star");
    let middle = star.node(Node::new("m", Kind::Layer, "m"));
    for i in 1..MAX_NODES {
        let image = star.node(Node::new(format!("i{i}"), Kind::Image, "i"));
        star.edge(image, middle, Relation::On, "");
    }
    assert_eq!(Layout::new(&star, None).unwrap().places.len(), MAX_NODES);
}

/// A page, and what a line beside a full row takes.
const BOUND: i64 = PAGE + PAGE / 8;

#[test]
fn parts_that_nothing_connects_stand_in_rows() {
    let mut graph = Graph::new("apart");
    for i in 0..200 {
        let tag = graph.node(Node::new(format!("t{i}"), Kind::Tag, format!("registry.example.com/image-{i}:latest")));
        let image = graph.node(Node::new(format!("i{i}"), Kind::Image, "0123456789ab"));
        graph.edge(tag, image, Relation::Names, "");
        let mut lower = image;
        for depth in 0..i % 5 {
            let layer = graph.node(Node::new(format!("l{i}-{depth}"), Kind::Layer, "0123456789ab"));
            graph.edge(lower, layer, Relation::On, "");
            lower = layer;
        }
    }
    let layout = Layout::new(&graph, None).unwrap();
    assert!(layout.width <= PAGE, "{}", layout.width);
    assert!(layout.height < 12_000, "{}", layout.height);
    assert_eq!(faults(&graph, &layout), 0);
    // Tags stand on top, so their heights tell the rows: none is begun before the one above is full.
    let tags = graph.nodes.iter().zip(&layout.places).filter(|(node, _)| node.kind == Kind::Tag);
    let mut ends = std::collections::BTreeMap::new();
    for (_, place) in tags {
        let end: &mut i64 = ends.entry(place.y).or_default();
        *end = (place.x + place.width).max(*end);
    }
    assert!(ends.len() > 20 && ends.values().rev().skip(1).all(|end| *end > PAGE - 300), "{ends:?}");
    let mut few = Graph::new("few");
    for i in 0..5 {
        few.node(Node::new(format!("i{i}"), Kind::Image, "0123456789ab"));
    }
    let layout = Layout::new(&few, None).unwrap();
    assert!(layout.places.windows(2).all(|pair| pair[0].y == pair[1].y && pair[0].x < pair[1].x));
}

#[test]
fn what_grows_on_one_layer_stands_in_rows() {
    for (graph, parts) in
        [(many(200), "many"), (many(500), "more"), (bush(3, 8), "bush"), (bush(1, 300), "star"), (bush(5, 4), "deep")]
    {
        let layout = Layout::new(&graph, None).unwrap();
        assert!(layout.width <= BOUND, "{parts}: {}", layout.width);
        assert_eq!(faults(&graph, &layout), 0, "{parts}");
        assert_eq!(Layout::new(&graph, None).unwrap(), layout);
        for (edge, path) in graph.edges.iter().zip(&layout.paths) {
            let (from, to) = (layout.places[edge.from], layout.places[edge.to]);
            assert_eq!(path.points.first(), Some(&(from.centre(), from.y + from.height)), "{parts}");
            assert_eq!(path.points.last(), Some(&(to.centre(), to.y)), "{parts}");
            assert!(path.points.len() % 2 == 0 && path.points.is_sorted_by_key(|(_, y)| y), "{parts}");
        }
    }
}

#[test]
fn labels_stay_in_the_picture_and_apart() {
    let long = "FROM a AS x\nFROM scratch\nCOPY --from=x /a/long/path/to/many/files /\n";
    for text in [STAGES.to_owned(), stages(9), stages(3), long.to_owned()] {
        let graph = from_dockerfile(&text, &Default::default());
        let layout = Layout::new(&graph, None).unwrap();
        assert_eq!(faults(&graph, &layout), 0);
        let labels: Vec<_> = super::super::svg::label_places(&graph, &layout).into_iter().flatten().collect();
        assert!(!labels.is_empty());
        for (i, (x, y, half)) in labels.iter().enumerate() {
            assert!(x - half >= 0 && x + half <= layout.width, "{text}");
            let box_below =
                |p: &&Place| x - half < p.x + p.width && p.x < x + half && y - 10 < p.y + p.height && p.y < y + 3;
            assert!(layout.places.iter().find(box_below).is_none(), "{text}");
            for (x2, y2, half2) in &labels[i + 1..] {
                assert!((x - x2).abs() > half + half2 || (y - y2).abs() > 12, "{text}");
            }
        }
    }
}

#[test]
fn a_tree_keeps_its_ranks_while_it_fits_a_page() {
    let star = bush(1, 8);
    let layout = Layout::new(&star, None).unwrap();
    let row: std::collections::BTreeSet<i64> = layout.places.iter().skip(1).map(|p| p.y + p.height / 2).collect();
    assert_eq!(row.len(), 1);
}

/// A node on which `each` nodes lie, and so on upwards.
fn bush(depth: usize, each: usize) -> Graph {
    let mut graph = Graph::new(format!("bush {depth} {each}"));
    let mut row = vec![graph.node(Node::new("root", Kind::Layer, "root"))];
    for depth in 0..depth {
        let mut next = Vec::new();
        for lower in row {
            for i in 0..each {
                let mut node = Node::new(format!("{depth}-{lower}-{i}"), Kind::Image, "x".repeat(1 + (lower + i) % 40));
                node.detail = "y".repeat(i % 3);
                let upper = graph.node(node);
                graph.edge(upper, lower, Relation::On, "");
                next.push(upper);
            }
        }
        row = next;
    }
    graph
}
