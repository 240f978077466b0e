package demo

import (
	"maps"
	"slices"
)

// positions writes how far each stream has come that was used.
func (g *generator) positions() {
	positions := map[string]int64{}
	for _, stream := range []string{
		"account_data", "to_device", "device_lists_stream", "presence_stream", "pushers", "receipts",
	} {
		if g.streams[stream] > 0 {
			positions[stream] = g.streams[stream]
		}
	}
	if g.events > 0 {
		positions["events"] = g.order
	}
	if g.oldest < 0 {
		positions["backfill"] = g.oldest
	}
	if !g.options.Plain {
		g.difficultPositions(positions)
	}
	for _, stream := range slices.Sorted(maps.Keys(positions)) {
		g.position(stream, master, positions[stream])
	}
	g.run("UPDATE federation_stream_position SET stream_id = ? WHERE type = 'events'", g.order)
	g.run("UPDATE stats_incremental_position SET stream_id = ?", g.order)
	g.run("UPDATE user_directory_stream_pos SET stream_id = ?", g.order)
}

func (g *generator) position(stream, writer string, id int64) {
	g.insert("stream_positions (stream_name, instance_name, stream_id)", stream, writer, id)
}

// difficultPositions puts positions ahead of their tables (what was delivered is
// deleted) and behind them, and adds one of a process that is no more.
func (g *generator) difficultPositions(positions map[string]int64) {
	for stream, ahead := range map[string]int64{"account_data": 225, "to_device": 4395, "device_lists_stream": 1_000_000} {
		positions[stream] = g.streams[stream] + ahead
	}
	positions["push_rules_stream"] = 4711 // its table is empty
	positions["pushers"] = 2              // deleted_pushers is ahead
	positions["quarantined_media"] = 900
	positions["thread_subscriptions"] = 12
	positions["sticky_events"] = 15
	positions["un_partial_stated_event_stream"] = 77
	if g.oldest < 0 {
		// As if a few more had been fetched and purged.
		positions["backfill"] = g.oldest - 30
	}
	g.position("receipts", "retired_worker", g.streams["receipts"]+48)
}
