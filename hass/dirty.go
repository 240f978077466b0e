package hass

// dirty are members whose newest values are to be published, in the order in which they changed. Each is there once, so that
// it does not grow while there is no broker.
type dirty struct {
	order []*member
	there map[*member]bool
}

func (d *dirty) add(changed *member) {
	if d.there == nil {
		d.there = map[*member]bool{}
	}
	if !d.there[changed] {
		d.there[changed] = true
		d.order = append(d.order, changed)
	}
}

// take removes up to a number of them.
func (d *dirty) take(most int) []*member {
	taken := d.order[:min(most, len(d.order))]
	d.order = d.order[len(taken):]
	for _, one := range taken {
		delete(d.there, one)
	}
	if len(d.order) == 0 {
		d.order = nil // the array ahead of it is used up
	}
	return taken
}

func (d *dirty) len() int { return len(d.order) }

// with counts others that are to be published, too.
func (d *dirty) with(others []*member) int {
	count := d.len()
	for _, one := range others {
		if !d.there[one] {
			count++
		}
	}
	return count
}
