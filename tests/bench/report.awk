# wanted.tsv and samples.tsv → title, a, b, ratio or value, relation, wanted, met|missed|not measured, unit, closeness.
# Closeness is how far what was measured is from what is wanted, 1 = just met, more = better.
BEGIN { FS = OFS = "\t" }

function median(list, count,    i, j, swap) {
    for (i = 2; i <= count; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) { swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap }
    return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}

# A name's samples in the order they came, which is the order of its partner's.
function of(name,    list, i) {
    for (i = 1; i <= taken[name]; i++) list[i] = sample[name, i]
    return median(list, taken[name])
}

function ratio(a, b,    list, i, count) {
    count = taken[a] < taken[b] ? taken[a] : taken[b]
    for (i = 1; i <= count; i++) list[i] = sample[a, i] / sample[b, i]
    return median(list, count)
}

/^#/ { next }
FILENAME ~ /wanted/ { rows++; for (i = 1; i <= 6; i++) row[rows, i] = $i; next }
{ sample[$1, ++taken[$1]] = $3 + 0 }

END {
    for (n = 1; n <= rows; n++) {
        a = row[n, 2]; b = row[n, 3]; relation = row[n, 4]; wanted = row[n, 5]
        if (!taken[a] || (b != "" && !taken[b])) {
            print row[n, 1], "", "", "", relation, wanted, "not measured", row[n, 6], 0
            continue
        }
        if (b == "") value = of(a); else value = ratio(a, b)
        if (relation == "") {
            print row[n, 1], of(a), (b == "" ? "" : of(b)), value, "", "", "", row[n, 6], 0
            continue
        }
        if (relation == ">=") closeness = value / wanted; else closeness = wanted / value
        print row[n, 1], of(a), (b == "" ? "" : of(b)), value, relation, wanted, (closeness >= 1 ? "met" : "missed"), row[n, 6], closeness
    }
}
