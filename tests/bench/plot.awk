# Rows of report.awk → SVG: a bar for each, as long as it is close to what is wanted; the line is what is wanted.
function escaped(text) {
    gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
    return text
}
$5 == "" { next }
{ n++; title[n] = $1; value[n] = $4; sign[n] = $5; wanted[n] = $6; verdict[n] = $7; unit[n] = $3 == "" ? " " $8 : ""; close_to[n] = $9 }
END {
    left = 430; scale = 150; most = 2.6; step = 26; top = 44
    height = top + n * step + 16
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n", left + scale * most + 170, height
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
    printf "<text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"600\" fill=\"#1a1a1a\">Measured against what is wanted</text>\n"
    printf "<text x=\"%d\" y=\"22\" text-anchor=\"middle\" fill=\"#555555\">wanted</text>\n", left + scale
    for (i = 1; i <= n; i++) {
        y = top + (i - 1) * step
        length_of = close_to[i] > most ? most : close_to[i]
        colour = verdict[i] == "met" ? "#2f7d5b" : verdict[i] == "missed" ? "#b5542c" : "#999999"
        printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#1a1a1a\">%s</text>\n", left - 10, y + 13, escaped(title[i])
        printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\" rx=\"2\" fill=\"%s\"/>\n", left, y, length_of * scale, colour
        if (close_to[i] > most)
            printf "<path d=\"M %.1f %d l 8 8 l -8 8 z\" fill=\"%s\"/>\n", left + most * scale, y, colour
        text = value[i] == "" ? "not measured" : sprintf(value[i] >= 10 ? "%.1f" : "%.2f", value[i]) unit[i] " (" (sign[i] == ">=" ? "≥ " : "≤ ") wanted[i] ")"
        printf "<text x=\"%.1f\" y=\"%d\" fill=\"#333333\">%s</text>\n", left + length_of * scale + 14, y + 13, escaped(text)
    }
    printf "<line x1=\"%d\" y1=\"30\" x2=\"%d\" y2=\"%d\" stroke=\"#1a1a1a\" stroke-dasharray=\"4 3\"/>\n", left + scale, left + scale, height - 10
    print "</svg>"
}
