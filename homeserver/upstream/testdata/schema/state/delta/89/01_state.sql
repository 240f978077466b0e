CREATE TABLE state_groups_deletion (position $%AUTO_INCREMENT_PRIMARY_KEY%$, state_group BIGINT NOT NULL);
INSERT INTO step_log (step) VALUES ('state 89/01_state.sql');
