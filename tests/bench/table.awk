# Rows of report.awk → a Markdown table.
function short(number) {
    if (number == "") return ""
    return sprintf(number >= 100 ? "%.0f" : number >= 10 ? "%.1f" : "%.2f", number)
}
BEGIN {
    print "| what | measured | against | ratio | wanted | |"
    print "|---|--:|--:|--:|--:|---|"
}
{
    sign = $5 == ">=" ? "≥" : "≤"
    limit = $3 == ""
    wanted = $5 == "" ? "" : sign " " $6 (limit ? " " $8 : "")
    printf "| %s | %s %s | %s | %s | %s | %s |\n", $1, short($2), $8, $3 == "" ? "" : short($3) " " $8,
        limit ? "" : short($4), wanted, $7 == "met" || $7 == "" ? $7 : "**" $7 "**"
}
