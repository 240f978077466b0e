-- The host of the target, so that links can be found by it. 02fill_host.go fills it for the links that are there.
ALTER TABLE links ADD COLUMN host TEXT NOT NULL DEFAULT '';
CREATE INDEX links_host_idx ON links (host);
