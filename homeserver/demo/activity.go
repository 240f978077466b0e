package demo

import "math/rand/v2"

// activity thinks up what happens next in a room: mostly messages.
func (g *generator) activity(r *room) *event {
	switch kind := g.random.IntN(1000); {
	case kind < 45:
		return g.movement(r)
	case kind < 55:
		return r.topicChange(g)
	case kind < 120 && len(r.recent) > 0:
		return g.reaction(r)
	case kind < 128 && len(r.recent) > 0:
		return g.redaction(r)
	case kind < 190:
		return g.encrypted(r)
	}
	return g.message(r)
}

func (g *generator) movement(r *room) *event {
	if len(r.members) < 3 || (len(r.members) < 60 && g.chance(60)) {
		return g.arrival(r)
	}
	if person := pick(g, r.members); person != r.creator {
		return r.membership(person, pick(g, []string{"leave", "leave", "leave", "ban"}))
	}
	return g.arrival(r)
}

func (r *room) topicChange(g *generator) *event {
	r.topic = g.sentence()
	e := r.stateEvent("m.room.topic", `{"topic":`+quoted(r.topic)+`}`)
	e.searchKey, e.searchText = "content.topic", r.topic
	return e
}

func (g *generator) reaction(r *room) *event {
	target, key := pick(g, r.recent), pick(g, []string{"👍", "❤️", "🎉", "😂", "👀", "🇩🇪"})
	return &event{room: r, kind: "m.reaction", sender: g.speaker(r), relatesTo: target, relation: "m.annotation",
		aggregated: key, content: `{"m.relates_to":{"rel_type":"m.annotation","event_id":"` + target + `","key":"` + key + `"}}`}
}

func (g *generator) redaction(r *room) *event {
	return &event{room: r, kind: "m.room.redaction", sender: g.speaker(r), redacts: pick(g, r.recent),
		content: `{"reason":` + quoted(g.sentence()) + `}`}
}

func (g *generator) encrypted(r *room) *event {
	return &event{room: r, kind: "m.room.encrypted", sender: g.speaker(r),
		content: `{"algorithm":"m.megolm.v1.aes-sha2","session_id":"` + g.token(43) + `","device_id":"` + g.token(10) +
			`","sender_key":"` + g.token(43) + `","ciphertext":"` + g.token(90) + g.token(90) + g.token(90) + `"}`}
}

func (g *generator) message(r *room) *event {
	body := g.speech()
	e := &event{room: r, kind: "m.room.message", sender: g.speaker(r), searchKey: "content.body", searchText: body,
		url: oneOf(g.random.IntN(3))}
	relation := ""
	if len(r.recent) > 0 && g.chance(8) {
		e.relatesTo, e.relation = pick(g, r.recent), pick(g, []string{"m.thread", "m.replace"})
		relation = `,"m.relates_to":{"rel_type":"` + e.relation + `","event_id":"` + e.relatesTo + `"}`
	}
	e.content = `{"msgtype":"m.text","body":` + quoted(body) + relation + `}`
	return e
}

func (g *generator) speaker(r *room) string {
	if len(r.members) == 0 {
		return r.creator.id
	}
	return pick(g, r.members).id
}

// speech is a message: a few sentences at most.
func (g *generator) speech() string {
	text := g.sentence()
	for g.chance(35) && len(text) < 600 {
		text += " " + g.sentence()
	}
	return text
}

func (g *generator) sentence() string {
	text := make([]byte, 0, 120)
	text = append(text, g.word()...)
	for range 2 + g.random.IntN(12) {
		text = append(append(text, ' '), g.word()...)
	}
	return string(append(text, pick(g, []string{".", ".", ".", "!", "?", " 🙂"})...))
}

func (g *generator) title() string { return g.word() + " " + g.word() }

// word comes from a few languages. Frequent words stand first and are frequent
// here too; now and then there is a word nobody has used before.
func (g *generator) word() string {
	if g.chance(3) {
		return g.invented()
	}
	f := g.random.Float64()
	return words[int(f*f*float64(len(words)))]
}

func (g *generator) invented() string {
	return syllable(g.random) + syllable(g.random) + syllable(g.random)
}

func syllable(random *rand.Rand) string {
	const consonants, vowels = "bdfghklmnprstvz", "aeiou"
	return string([]byte{consonants[random.IntN(len(consonants))], vowels[random.IntN(len(vowels))]})
}

// words are what the people of the demo speak of.
var words = [...]string{
	"the", "a", "to", "and", "is", "it", "we", "you", "in", "of", "on", "for", "not", "with", "this", "that", "have",
	"can", "but", "my", "was", "server", "room", "today", "there", "what", "when", "how", "why", "good", "new", "who",
	"please", "thanks", "maybe", "later", "tomorrow", "morning", "meeting", "update", "release", "version", "database",
	"backup", "restore", "message", "running", "started", "stopped", "works", "working", "broken", "fixed", "upgrade",
	"question", "answer", "network", "coffee", "tea", "lunch", "train", "late", "early", "always", "never", "sometimes",
	"table", "index", "query", "slow", "fast", "memory", "disk", "full", "empty", "users", "devices", "keys", "verified",
	"encrypted", "federation", "bridge", "client", "phone", "laptop", "battery", "weather", "rain", "sunny", "garden",
	"ich", "und", "nicht", "schön", "Grüße", "Straße", "heute", "morgen", "vielleicht", "Übung", "größer", "danke",
	"je", "avec", "déjà", "où", "être", "français", "merci", "demain", "peut-être", "élève", "hôtel", "ça", "cœur",
	"hola", "mañana", "niño", "gracias", "¿qué?", "corazón", "años", "привет", "спасибо", "хорошо", "завтра", "сервер",
	"zażółć", "gęślą", "jaźń", "dziękuję", "teşekkürler", "güneş", "ışık", "σήμερα", "καλημέρα", "שלום", "תודה",
	"مرحبا", "شكرا", "नमस्ते", "धन्यवाद", "こんにちは", "ありがとう", "你好", "谢谢", "안녕하세요", "🎉", "🚀", "👍🏽", "👩‍💻",
}
