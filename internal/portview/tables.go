package portview

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
)

// tableLines are as many tables as there is room for, and in the last line what is not shown.
func (s screen) tableLines(rows int) []string {
	tables := byWhatIsLeft(s.view.Tables)
	if rows < 1 || len(tables) == 0 {
		return nil
	}
	shown := tables
	if len(tables) > rows {
		shown = tables[:max(rows-1, 1)]
	}
	var lines []string
	for _, table := range shown {
		lines = append(lines, s.tableLine(table))
	}
	if rest := tables[len(shown):]; len(rest) > 0 && rows > 1 {
		lines = append(lines, s.paint.faint.Render(cut(others(rest), s.width)))
	}
	return lines
}

// byWhatIsLeft sorts tables: those being worked on, those that have not begun, those that are done; the least finished first,
// and of equals those with the most rows. Without the first rule hundreds of tables at 0 % would hide the few that move.
func byWhatIsLeft(tables []Table) []Table {
	sorted := slices.Clone(tables)
	slices.SortStableFunc(sorted, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.group(), b.group()), cmp.Compare(a.percent(), b.percent()),
			cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return sorted
}

// others counts the tables that there is no room for.
func others(rest []Table) string {
	var groups [3]int
	for _, table := range rest {
		groups[table.group()]++
	}
	var counts []string
	for i, name := range []string{"at work", "not begun", "done"} {
		if groups[i] > 0 {
			counts = append(counts, strconv.Itoa(groups[i])+" "+name)
		}
	}
	return fmt.Sprintf("and %d more: %s", len(rest), strings.Join(counts, ", "))
}

// tableLine is name, percentage, bar and figures, as far as the width allows; trouble takes the place of the figures.
func (s screen) tableLine(table Table) string {
	share := padLeft(strconv.Itoa(table.percent())+"%", 4)
	name, figures := clean(table.Name), clean(table.Figures)
	looks := s.tableLooks(table)
	trouble := s.troubleOf(table)
	if trouble != "" {
		looks, figures = s.paint.trouble, "! "+clean(trouble)
		if s.width < 60 {
			name = "! " + name
		}
	}
	var line string
	switch {
	case s.width < 60:
		line = padRight(name, s.width-5) + " " + share
	case s.width < 100:
		line = padRight(name, 30) + " " + share + "  " + figures
	default:
		line = padRight(name, 40) + " " + blocks(float64(table.percent())/100, 22) + " " + share + "  " + figures
	}
	return looks.Render(cut(line, s.width))
}

func (s screen) tableLooks(table Table) lipgloss.Style {
	switch table.group() {
	case 0:
		return s.paint.active
	case 1:
		return s.paint.faint
	}
	return s.paint.done
}

// troubleOf is the last warning or error that was logged about a table; what has ended has overcome it.
func (s screen) troubleOf(table Table) string {
	if table.Ended {
		return ""
	}
	for _, entry := range slices.Backward(s.log) {
		if entry.Table == table.Name && entry.trouble() {
			return strings.Replace(entry.Text, " table="+table.Name, "", 1)
		}
	}
	return ""
}
