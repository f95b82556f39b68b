# Shares of the lines by layer, out of lcov. Tests do not count: neither files of tests nor the module at a file's end.

BEGIN {
    split("domain engine matching signal strategy", names)
    for (i in names) is_pure[names[i]] = 1
}

function first_line_of_tests(path,    line, number, found) {
    while ((getline line < path) > 0) {
        number++
        if (line == "#[cfg(test)]") found = number
        else if (line ~ /^mod / && found == number - 1) break
        else if (found == number - 1) found = 0
    }
    close(path)
    return found ? found : number + 1
}

/^SF:/ {
    path = substr($0, 4)
    file = substr(path, length(root) + 1)
    layer = file
    sub(/(\/|\.rs).*/, "", layer)
    is_counted = index(path, root) == 1 && file !~ /(^|\/)(tests|proptests|fixtures|testing|scratch)(\/|\.rs)/
    end = is_counted ? first_line_of_tests(path) : 0
}

/^DA:/ && is_counted {
    split(substr($0, 4), of, ",")
    if (of[1] >= end) next
    lines[layer]++; lines["all"]++; of_file[file]++
    if (is_pure[layer]) lines["pure"]++
    if (of[2] > 0) {
        covered[layer]++; covered["all"]++
        if (is_pure[layer]) covered["pure"]++
    } else missed[file]++
}

function row(layer) {
    return sprintf("%-10s %6d of %6d lines, %5.1f %%", layer, covered[layer], lines[layer], share(layer))
}

function share(layer) {
    return 100 * covered[layer] / lines[layer]
}

END {
    for (layer in lines) if (layer != "all" && layer != "pure") print row(layer) | "sort"
    close("sort")
    print row("pure")
    print row("all")
    for (file in missed) {
        split(file, parts, "/")
        if (is_pure[parts[1]] && missed[file] * 20 > of_file[file])
            printf "below 95 %%: src/%s, %d of %d lines missed\n", file, missed[file], of_file[file] | "sort"
    }
    close("sort")
    if (is_whole && (share("pure") < 95 || share("all") < 80)) {
        print "below 95 % of the pure layers or 80 % of all"
        exit 1
    }
}
