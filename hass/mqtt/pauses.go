package mqtt

import "time"

// pauses says how long to wait between attempts to connect.
type pauses struct {
	first, longest time.Duration
	failures       int
}

// steady is how long a connection lasts that counts as a good one, at most.
const steady = 5 * time.Second

// next returns the pause after a connection that has lasted some time, 0 where none was made. It doubles from one failure to the next. After a good connection it begins
// anew; one that is ended as soon as it is made is no good one, so that a broker is not flooded. Chance, from 0 to 1, makes it up to half shorter, so that many clients do not come all at once.
func (p *pauses) next(lasted time.Duration, lasting bool, chance float64) time.Duration {
	pause := p.pause()
	if lasted >= min(pause, steady) && lasted > 0 {
		p.failures = 0
		pause = p.pause()
	}
	p.failures++
	if lasting {
		pause = p.longest
	}
	return pause - time.Duration(chance*float64(pause)/2)
}

// pause is what comes next, without chance.
func (p *pauses) pause() time.Duration {
	pause := p.first
	for range p.failures {
		if pause >= p.longest/2 {
			return p.longest
		}
		pause *= 2
	}
	return min(pause, p.longest)
}
