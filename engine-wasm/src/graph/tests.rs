use super::*;
use serde_json::Value;

fn engine() -> Graph {
    let layers = |list: &[&str]| list.iter().map(|l| format!("sha256:{}", l.repeat(64))).collect::<Vec<_>>();
    let inspects = [
        json!({"Id": "sha256:aaaa", "RepoTags": ["debian:12", "base:latest"], "Size": 100_000_000, "RootFS": {"Layers": layers(&["1"])}}),
        json!({"Id": "sha256:bbbb", "RepoTags": ["nginx:latest"], "Size": 140_000_000, "RootFS": {"Layers": layers(&["1", "2", "3"])}}),
        json!({"Id": "sha256:cccc", "RepoTags": [], "Size": 150_000_000, "RootFS": {"Layers": layers(&["1", "2", "4"])}}),
    ];
    let histories = BTreeMap::from([(
        "sha256:bbbb".to_owned(),
        json!([
            {"CreatedBy": "CMD [\"nginx\"]", "Size": 0},
            {"CreatedBy": "COPY site /srv # buildkit", "Size": 5_000_000},
            {"CreatedBy": "RUN /bin/sh -c apt-get install nginx # buildkit", "Size": 35_000_000},
            {"CreatedBy": "/bin/sh -c #(nop) ADD file:1 in / ", "Size": 100_000_000},
        ]),
    )]);
    let containers =
        json!([{"Id": "dddd", "Names": ["/web"], "ImageID": "sha256:bbbb", "State": "running", "SizeRw": 12}]);
    from_engine(&EngineState { images: None, inspects: &inspects, histories, containers: Some(&containers) })
}

#[test]
fn layers_are_shared_between_images() {
    let graph = engine();
    let count = |kind| graph.nodes.iter().filter(|n| n.kind == kind).count();
    assert_eq!((count(Kind::Image), count(Kind::Layer), count(Kind::Tag), count(Kind::Writable)), (3, 4, 3, 1));
    let bottom = graph.nodes.iter().find(|n| n.shared == 3).unwrap();
    assert_eq!(bottom.id, format!("layer:sha256:{}", "1".repeat(64)));
    assert_eq!(graph.nodes.iter().filter(|n| n.shared == 2).count(), 1);
    assert!(graph.description.starts_with("3 images and 1 container on 4 layers, 2 of them shared"));
    assert!(graph.nodes.iter().any(|n| n.detail == "35MB · in 2 images" && n.label == "RUN apt-get install nginx"));
}

#[test]
fn strange_answers_are_left_out() {
    for strange in [json!(null), json!([1, {"Id": 7}, {"Id": "x", "RootFS": {"Layers": [1, "y"]}}]), json!({"a": 1})] {
        let graph = from_engine(&EngineState {
            images: Some(&strange),
            inspects: strange.as_array().map_or(&[], Vec::as_slice),
            containers: Some(&strange),
            ..EngineState::default()
        });
        assert!(graph.write(Format::Svg).unwrap().ends_with("</svg>\n"));
    }
}

const STAGES: &str = "ARG V=3\nFROM golang:$V AS build\nRUN make\nFROM build AS test\nRUN --mount=from=tools,target=/t true\nFROM scratch AS tools\n\
    FROM alpine\nCOPY --from=build /a /\nCOPY --from=0 /b /\nCOPY --from=busybox /bin/sh /sh\n";

#[test]
fn stages_depend_on_what_they_begin_with_copy_and_mount() {
    let graph = from_dockerfile(STAGES, &DockerfileOptions::default());
    let edges: Vec<(&str, &str, Relation, &str)> = graph
        .edges
        .iter()
        .map(|e| (graph.nodes[e.from].id.as_str(), graph.nodes[e.to].id.as_str(), e.relation, e.label.as_str()))
        .collect();
    assert_eq!(
        edges,
        [
            ("base:golang:3", "stage:0", Relation::From, ""),
            ("stage:0", "stage:1", Relation::From, ""),
            ("stage:2", "stage:1", Relation::Mount, "mount"),
            ("base:scratch", "stage:2", Relation::From, ""),
            ("stage:0", "stage:3", Relation::Copy, "2 × COPY"),
            ("base:alpine", "stage:3", Relation::From, ""),
            ("base:busybox", "stage:3", Relation::Copy, "COPY /bin/sh"),
        ]
    );
    let faded: Vec<&str> = graph.nodes.iter().filter(|n| n.faded).map(|n| n.id.as_str()).collect();
    assert_eq!(faded, ["stage:1", "stage:2", "base:scratch"]);
    assert_eq!(graph.description, "4 build stages; stage 3 is built; not needed for it: test, tools.");
}

#[test]
fn a_target_and_instructions_can_be_asked_for() {
    let options =
        DockerfileOptions { target: Some("TEST".to_owned()), instructions: true, ..DockerfileOptions::default() };
    let graph = from_dockerfile(STAGES, &options);
    assert!(graph.nodes[graph.find("stage:1").unwrap()].target && graph.nodes[graph.find("stage:3").unwrap()].faded);
    let from = graph.edges.iter().find(|e| e.relation == Relation::From && graph.nodes[e.to].id == "stage:1").unwrap();
    assert_eq!(graph.nodes[from.from].label, "RUN make");
    let missing = DockerfileOptions { target: Some("nope".to_owned()), ..DockerfileOptions::default() };
    assert_eq!(
        from_dockerfile_strict(STAGES, &missing).unwrap_err().to_string(),
        "target stage \"nope\" could not be found"
    );
    assert_eq!(from_dockerfile(STAGES, &missing).warnings.len(), 1);
}

#[test]
fn circles_are_drawn() {
    let graph =
        from_dockerfile("FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nCOPY --from=x / /\n", &Default::default());
    assert_eq!(graph.edges.len(), 4);
    assert!(graph.write(Format::Svg).is_ok());
}

/// Boxes that overlap, and lines that run through boxes.
fn faults(graph: &Graph, layout: &Layout) -> usize {
    let inside = |p: &Place, x: i64, y: i64| x > p.x && x < p.x + p.width && y > p.y && y < p.y + p.height;
    let mut faults = 0;
    for (i, a) in layout.places.iter().enumerate() {
        for b in layout.places.iter().skip(i + 1) {
            faults +=
                usize::from(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height);
        }
    }
    for (edge, path) in graph.edges.iter().zip(&layout.paths) {
        for pair in path.points.chunks(2) {
            let &[(x, y1), (_, y2)] = pair else { continue };
            for (i, place) in layout.places.iter().enumerate() {
                let own = i == edge.from || i == edge.to;
                faults += usize::from(!own && (y1.min(y2)..=y1.max(y2)).any(|y| inside(place, x, y)));
            }
        }
    }
    faults
}

#[test]
fn nothing_overlaps() {
    for graph in [engine(), from_dockerfile(STAGES, &Default::default()), random(60, 110), random(200, 260)] {
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

#[test]
fn names_cannot_break_out_of_any_format() {
    let mut graph = Graph::new("<script>\"&");
    let a = graph.node(Node::new("a\"><b", Kind::Stage, "</text><script>alert(1)</script>\u{1}\\\"`#"));
    let b = graph.node(Node::new("b", Kind::Base, "]\n--> x"));
    graph.edge(a, b, Relation::Copy, "<i>\"");
    let svg = graph.write(Format::Svg).unwrap();
    assert!(!svg.contains("<script") && !svg.contains("<i>") && !svg.contains('\u{1}'));
    assert!(svg.contains("data-id=\"a&quot;&gt;&lt;b\""));
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    assert_eq!(graph.write(Format::Dot).unwrap().lines().count(), 6);
    assert_eq!(graph.write(Format::Mermaid).unwrap().lines().count(), 5);
    let json: Value = serde_json::from_str(&graph.write(Format::Json).unwrap()).unwrap();
    assert_eq!(json["edges"][0]["from"], "a\"><b");
    assert!(svg.contains("; begins with") || svg.contains("copies from"));
}

#[test]
fn long_names_are_cut_and_kept_in_the_title() {
    let mut graph = Graph::new("t");
    let name = "registry.example.com/a/very/long/repository/name:with-a-tag-that-goes-on";
    graph.node(Node::new("tag", Kind::Tag, name));
    let svg = graph.write(Format::Svg).unwrap();
    assert!(svg.contains("…</text>") && svg.contains(&format!("<title>{name}</title>")));
}

#[test]
fn archives_show_which_layers_their_images_share() {
    use crate::store::{BuildOptions, ContextFile, SaveFormat, Store, context};
    let mut store = Store::default();
    let files = context([ContextFile::file("a", 0o644, b"a".to_vec())]).unwrap();
    for (tag, text) in [("one", "FROM scratch\nCOPY a /\n"), ("two", "FROM scratch\nCOPY a /\nENV X=1\nCOPY a /b\n")] {
        let options = BuildOptions { tags: vec![tag.to_owned()], ..BuildOptions::default() };
        store.build(text, &files, &options).unwrap();
    }
    let saved = store.save(&["one", "two"], SaveFormat::Docker).unwrap();
    let archive = crate::image::Archive::open(saved, &crate::image::Limits::default()).unwrap();
    let graph = from_archive(&archive);
    let layers: Vec<(&str, usize)> =
        graph.nodes.iter().filter(|n| n.kind == Kind::Layer).map(|n| (n.label.as_str(), n.shared)).collect();
    assert_eq!(layers, [("COPY a /", 2), ("COPY a /b", 1)]);
    let (list, inspects) = (store.list(), ["one", "two"].map(|name| store.inspect(name).unwrap()));
    let live = from_engine(&EngineState { images: Some(&list), inspects: &inspects, ..EngineState::default() });
    let ids = |graph: &Graph| {
        let mut ids: Vec<String> =
            graph.nodes.iter().map(|n| n.id.clone()).filter(|id| !id.starts_with("tag")).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&live), ids(&graph));
}
