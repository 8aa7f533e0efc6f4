use super::*;
use serde_json::Value;

pub(super) fn engine() -> Graph {
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
    let on = graph.edges.iter().filter(|e| e.relation == Relation::On && graph.nodes[e.from].kind == Kind::Layer);
    assert_eq!(on.count(), 3);
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

pub(super) const STAGES: &str = "ARG V=3\nFROM golang:$V AS build\nRUN make\nFROM build AS test\nRUN --mount=from=tools,target=/t true\nFROM scratch AS tools\n\
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
    assert!(svg.contains(">registry.examp…ag-that-goes-on</text>"), "{svg}");
    assert!(svg.contains(&format!("<title>{name}</title>")));
    graph.node(Node::new("layer", Kind::Layer, "RUN apt-get update && apt-get install -y nginx curl ca-certificates"));
    assert!(graph.write(Format::Svg).unwrap().contains("…</text>"));
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

#[test]
fn pictures_in_one_page_have_ids_of_their_own() {
    let id = |text: &str| {
        let svg = from_dockerfile(text, &DockerfileOptions::default()).write(Format::Svg).unwrap();
        let id = svg.split(" id=\"").nth(1).unwrap().split("-title\"").next().unwrap().to_owned();
        assert!(id.starts_with("graph-") && svg.contains(&format!("<desc id=\"{id}-desc\">")), "{svg}");
        assert!(svg.contains(&format!("aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\"")), "{svg}");
        id
    };
    // Title and description are the same; what is shown is not.
    assert_ne!(id("FROM a\n"), id("FROM b\n"));
    assert_eq!(id("FROM a\n"), id("FROM a\n"));
}
