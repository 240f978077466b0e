// Package phases counts how far work is that has phases, and tells whoever shows it. It draws nothing, and knows no job. Begin with a Meter
// that has Show set, then Enter.
package phases
