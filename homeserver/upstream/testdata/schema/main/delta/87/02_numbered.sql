CREATE TABLE connections (position $%AUTO_INCREMENT_PRIMARY_KEY%$, holder TEXT NOT NULL);
INSERT INTO connections (holder) VALUES ('one'), ('two');
INSERT INTO step_log (step) VALUES ('main 87/02_numbered.sql');
