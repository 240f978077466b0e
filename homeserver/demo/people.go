package demo

// person is somebody who can be in rooms.
type person struct {
	id        string // full user id
	localpart string
	host      string
	name      string
	avatar    any
	local     bool
	devices   []string
}

// people makes the local accounts and those of other servers.
func (g *generator) people() {
	size := g.options.Events
	for i := range min(4+size/2000, 60) {
		g.hosts = append(g.hosts, "s"+number(i)+".example.net")
	}
	for i := range min(8+size/400, 1500) {
		g.local = append(g.local, g.person(i, g.options.ServerName, true))
	}
	for i := range min(8+size/300, 2500) {
		g.remote = append(g.remote, g.person(i, pick(g, g.hosts), false))
	}
	for i, person := range g.local {
		g.account(i, person)
	}
	for i, host := range g.hosts {
		g.otherServer(i, host)
	}
}

var names = [...]string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy",
	"mallory", "oscar", "peggy", "rupert", "sybil", "trent", "victor", "walter", "zoé"}

func (g *generator) person(i int, host string, local bool) *person {
	first := names[i%len(names)]
	localpart := first
	if first == "zoé" {
		localpart = "zoe"
	}
	if !local {
		localpart += "_r"
	}
	if i >= len(names) || !local {
		localpart += number(i / len(names))
	}
	p := &person{id: "@" + localpart + ":" + host, localpart: localpart, host: host, local: local,
		name: first + " " + g.invented()}
	if i%3 > 0 {
		p.avatar = "mxc://" + host + "/" + g.token(24)
	}
	for range 1 + i%3 {
		p.devices = append(p.devices, g.token(10))
	}
	return p
}
