# What must be installed for `wanted`, what each depends on first: name, version, address, SHA-256, installed KiB.
# Files: what is installed, the names that the image itself stands for, the indexes.

# The order of Debian's versions, each part after deb-version(7); only its sign matters.
function weight(c) {
    if (c == "~") return -1
    if (c == "" || c ~ /[0-9]/) return 0
    return c ~ /[A-Za-z]/ ? index(LETTERS, c) : 256 + index(SIGNS, c)
}
function compare(a, b,    x, y) {
    while (a != "" || b != "") {
        while ((a != "" && a !~ /^[0-9]/) || (b != "" && b !~ /^[0-9]/)) {
            x = weight(substr(a, 1, 1)); y = weight(substr(b, 1, 1))
            if (x != y) return x - y
            a = substr(a, 2); b = substr(b, 2)
        }
        match(a, /^[0-9]*/); x = substr(a, 1, RLENGTH) + 0; a = substr(a, RLENGTH + 1)
        match(b, /^[0-9]*/); y = substr(b, 1, RLENGTH) + 0; b = substr(b, RLENGTH + 1)
        if (x != y) return x - y
    }
    return 0
}
function epoch(version) { return version ~ /^[0-9]+:/ ? substr(version, 1, index(version, ":") - 1) + 0 : 0 }
function newer(a, b,    x, y) {
    x = epoch(a); y = epoch(b)
    if (x != y) return x > y
    sub(/^[0-9]+:/, "", a); sub(/^[0-9]+:/, "", b)
    return compare(a, b) > 0
}

# The package that a name means: itself, or the first that provides it.
function meant(name) { return name in line ? name : provider[name] }
function there(name) { return name in have || (name in provider && provider[name] in have) }

function visit(name,    part, parts, count, i, options, choice, fields) {
    if (name in have) return
    have[name] = 1
    split(line[name], fields, "\t")
    count = split(fields[6], parts, ",")
    for (i = 1; i <= count; i++) {
        choice = choose(parts[i])
        if (choice != "") visit(choice)
    }
    print fields[1] "\t" fields[2] "\t" fields[3] "\t" fields[4] "\t" fields[5]
}
function choose(alternatives,    options, count, i) {
    count = split(alternatives, options, "|")
    for (i = 1; i <= count; i++) if (there(options[i])) return ""
    for (i = 1; i <= count; i++) if (meant(options[i]) != "") return meant(options[i])
    return ""
}

BEGIN {
    LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    SIGNS = "+-."
}
FILENAME == ARGV[1] { have[$1] = 1; next }
FILENAME == ARGV[2] { if (!($1 in have)) given[$1] = have[$1] = 1; next }
{
    if (!($1 in line) || newer($2, version[$1])) { line[$1] = $0; version[$1] = $2 }
    count = split($7, names, ",")
    for (i = 1; i <= count; i++) if (!(names[i] in provider)) provider[names[i]] = $1
}
END {
    count = split(wanted, names, " ")
    for (i = 1; i <= count; i++) if (!(names[i] in have) && meant(names[i]) == "") lacking = lacking "\n  " names[i] " (no such package)"
    if (lacking != "") {
        for (any in line) break
        if (any == "") lacking = lacking "\n  (there is no index yet: apk update)"
        print "ERROR: unable to select packages:" lacking > "/dev/stderr"
        exit 1
    }
    # Whoever asks for what the image only stands for, gets it.
    for (i = 1; i <= count; i++) if (names[i] in given && names[i] in line && names[i] !~ /^(libc6|busybox|ca-certificates|dpkg)$/) delete have[names[i]]
    for (i = 1; i <= count; i++) if (!there(names[i])) visit(meant(names[i]))
}
