# Debian's Packages in, one line a package out: name, version, address, SHA-256, installed KiB, dependencies, what it provides.
# Dependencies lose their versions: a repository fits together.
function bare(list) {
    gsub(/ *\([^)]*\)/, "", list)
    gsub(/:[a-z0-9]+/, "", list)
    gsub(/ /, "", list)
    return list
}
/^Package: / { name = $2 }
/^Version: / { version = $2 }
/^Filename: / { file = $2 }
/^SHA256: / { hash = $2 }
/^Installed-Size: / { size = $2 }
/^Depends: / { depends = substr($0, 10) }
/^Pre-Depends: / { before = substr($0, 14) }
/^Provides: / { provides = substr($0, 11) }
/^$/ {
    if (name != "") {
        if (before != "") depends = depends == "" ? before : before "," depends
        print name "\t" version "\t" mirror "/" file "\t" hash "\t" size "\t" bare(depends) "\t" bare(provides)
    }
    name = version = file = hash = size = depends = before = provides = ""
}
