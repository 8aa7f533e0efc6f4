//! `docker system df -v`: one table for each kind of object, or one template over all of them.

use super::super::engine::Template;
use super::super::{Kind, Row, container, image, short_id, text, volume, write};
use super::{human, list, number};
use crate::reference;
use crate::template::{LABELS, STRUCT_TYPE};
use serde_json::{Map, Value};

static CACHE: Kind = Kind {
    go_type: "*formatter.buildCacheContext",
    headings: &[
        ("ID", "CACHE ID"),
        ("Parent", "PARENT"),
        ("CacheType", "CACHE TYPE"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"),
        ("InUse", "IN USE"),
        ("Shared", "SHARED"),
        ("Description", "DESCRIPTION"),
    ],
};

/// What the template of `raw` says of a record of the build cache.
const RAW_CACHE: &str = "build_cache_id: {{.ID}}\nparent_id: {{.Parent}}\nbuild_cache_type: {{.CacheType}}\ndescription: {{.Description}}\n\
     created_at: {{.CreatedAt}}\ncreated_since: {{.CreatedSince}}\nlast_used_at: {{.LastUsedAt}}\nlast_used_since: {{.LastUsedSince}}\n\
     usage_count: {{.UsageCount}}\nin_use: {{.InUse}}\nshared: {{.Shared}}\n";

/// `GET /system/df` object by object. `now` is in seconds since 1970. Ids are shortened in tables only.
///
/// # Errors
/// Go's text for a bad template.
pub fn verbose(format: &str, usage: &Value, now: i64) -> Result<String, String> {
    let rows = Rows::of(usage, format.is_empty() || format.starts_with("table"), now);
    match format {
        "" | "table" => rows.tables(usage),
        "raw" => rows.fill(&raw()),
        "json" => rows.fill("{{json .}}"),
        other => rows.fill(other.strip_prefix("table").unwrap_or(other)),
    }
}

/// The template of `raw`: every kind's own.
fn raw() -> String {
    let volume = "name: {{.Name}}\ndriver: {{.Driver}}\n";
    [
        ("Images", "Image", image::template("raw", false, true).as_str()),
        ("Containers", "Container", &container::template("raw", false, true)),
        ("Volumes", "Volume", volume),
        ("BuildCache", "Build Cache", RAW_CACHE),
    ]
    .map(|(field, kind, each)| format!("{{{{range .{field}}}}}type: {kind}\n{each}\n{{{{end -}}}}\n"))
    .concat()
    .trim_end_matches('\n')
    .to_owned()
}

struct Rows {
    images: Vec<Row>,
    containers: Vec<Row>,
    volumes: Vec<Row>,
    cache: Vec<Row>,
}

impl Rows {
    fn of(usage: &Value, short: bool, now: i64) -> Self {
        let mut cache: Vec<_> = list(usage, "BuildCache").iter().collect();
        crate::order::sort_by_key(&mut cache, |record| {
            let used = record["LastUsedAt"].as_str().map(text::go_time_of);
            (used, record["ID"].as_str().unwrap_or_default())
        });
        Self {
            images: list(usage, "Images").iter().map(|image| image_row(image, short, now)).collect(),
            containers: list(usage, "Containers")
                .iter()
                .map(|container| {
                    // The virtual size is not shown here.
                    let mut container = container.clone();
                    container["SizeRootFs"] = 0.into();
                    container::row(&container, short, now)
                })
                .collect(),
            volumes: list(usage, "Volumes").iter().map(volume::row).collect(),
            cache: cache.into_iter().map(|record| cache_row(record, short, now)).collect(),
        }
    }

    fn tables(&self, usage: &Value) -> Result<String, String> {
        let total: i64 =
            list(usage, "BuildCache").iter().filter(|c| c["Shared"] != true).map(|c| number(c, "Size")).sum();
        let images = write(
            "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
            &image::KIND,
            self.images.clone(),
        )?;
        let containers = write(
            "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
            &container::KIND,
            self.containers.clone(),
        )?;
        let volumes = write("table {{.Name}}\t{{.Links}}\t{{.Size}}", &volume::KIND, self.volumes.clone())?;
        let cache = write(
            "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
            &CACHE,
            self.cache.clone(),
        )?;
        Ok(format!(
            "Images space usage:\n\n{images}\nContainers space usage:\n\n{containers}\nLocal Volumes space usage:\n\n{volumes}\n\
             Build cache usage: {}\n\n{cache}",
            human(total)
        ))
    }

    fn fill(&self, template: &str) -> Result<String, String> {
        let seen = |kind: &Kind, rows: &[Row]| -> Value {
            let see = |row: &Row| {
                let mut value = row.fields.clone();
                value.insert(STRUCT_TYPE.into(), kind.go_type.into());
                if let Some(labels) = &row.labels {
                    value.insert(LABELS.into(), labels.clone().into());
                }
                Value::Object(value)
            };
            rows.iter().map(see).collect()
        };
        let mut all = Map::new();
        all.insert(STRUCT_TYPE.into(), "*formatter.diskUsageContext".into());
        all.insert("Images".into(), seen(&image::KIND, &self.images));
        all.insert("Containers".into(), seen(&container::KIND, &self.containers));
        all.insert("Volumes".into(), seen(&volume::KIND, &self.volumes));
        all.insert("BuildCache".into(), seen(&CACHE, &self.cache));
        let body = text::unescape(template.trim_matches(' '));
        let template = Template::parse("", &body).map_err(|e| format!("template parsing error: {e}"))?;
        template.render(&all.into()).map_err(|e| e.to_string())
    }
}

fn image_row(image: &Value, short: bool, now: i64) -> Row {
    let name = image["RepoTags"][0]
        .as_str()
        .filter(|name| *name != "<none>:<none>")
        .and_then(|name| reference::parse_normalized(name).ok());
    let (repository, tag) = match &name {
        Some(name) => (name.familiar_name(), name.tag().unwrap_or("<none>").to_owned()),
        None => ("<none>".into(), "<none>".into()),
    };
    image::row(image, &repository, &tag, "", short, now)
}

fn cache_row(record: &Value, short: bool, now: i64) -> Row {
    let word = |key: &str| record[key].as_str().unwrap_or_default();
    let shortened = |id: &str| if short { short_id(id).to_owned() } else { id.to_owned() };
    let time = |key: &str| record[key].as_str().filter(|time| !time.is_empty());
    let since =
        |key: &str| time(key).map(|time| format!("{} ago", text::ago(now - text::epoch(time)))).unwrap_or_default();
    let at = |key: &str| time(key).map(text::go_time_of).unwrap_or_default();
    let parents: Vec<_> = record["Parents"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mark = if record["InUse"] == true { "*" } else { "" };
    Row::new([
        ("ID", format!("{}{mark}", shortened(word("ID")))),
        ("Parent", shortened(&parents.join(", "))),
        ("CacheType", word("Type").to_owned()),
        ("Description", word("Description").to_owned()),
        ("Size", human(number(record, "Size"))),
        ("CreatedAt", at("CreatedAt")),
        ("CreatedSince", since("CreatedAt")),
        ("LastUsedAt", at("LastUsedAt")),
        ("LastUsedSince", since("LastUsedAt")),
        ("UsageCount", number(record, "UsageCount").to_string()),
        ("InUse", (record["InUse"] == true).to_string()),
        ("Shared", (record["Shared"] == true).to_string()),
    ])
}
