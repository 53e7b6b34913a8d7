package config

import "slices"

// nearest returns the candidate with the fewest edits from name, if they are few enough
// for a typing error; otherwise empty.
func nearest(name string, candidates []string) string {
	best, fewest := "", len(name)/4+1
	slices.Sort(candidates) // a tie always has the same result
	for _, candidate := range candidates {
		if d := edits(name, candidate); d <= fewest && (best == "" || d < fewest) {
			best, fewest = candidate, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
