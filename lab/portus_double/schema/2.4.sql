-- Tables of Portus 2.4 that a deployment can see, as information_schema showed them (tests/lab/portus_double/recordings/database.json).

CREATE TABLE `activities` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `trackable_id` int(11),
  `trackable_type` varchar(255),
  `owner_id` int(11),
  `owner_type` varchar(255),
  `key` varchar(255),
  `parameters` text,
  `recipient_id` int(11),
  `recipient_type` varchar(255),
  `created_at` datetime,
  `updated_at` datetime,
  PRIMARY KEY (`id`),
  KEY `index_activities_on_key` (`key`),
  KEY `index_activities_on_owner_id_and_owner_type` (`owner_id`, `owner_type`),
  KEY `index_activities_on_recipient_id_and_recipient_type` (`recipient_id`, `recipient_type`),
  KEY `index_activities_on_trackable_id_and_trackable_type` (`trackable_id`, `trackable_type`),
  KEY `index_activities_on_trackable_type` (`trackable_type`)
);

CREATE TABLE `application_tokens` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `application` varchar(255) NOT NULL,
  `token_hash` varchar(255) NOT NULL,
  `token_salt` varchar(255) NOT NULL,
  `user_id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `index_application_tokens_on_user_id` (`user_id`)
);

CREATE TABLE `namespaces` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255),
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `team_id` int(11),
  `registry_id` int(11) NOT NULL,
  `global` tinyint(1) DEFAULT 0,
  `description` text,
  `visibility` int(11),
  PRIMARY KEY (`id`),
  UNIQUE KEY `index_namespaces_on_name_and_registry_id` (`name`, `registry_id`),
  KEY `index_namespaces_on_registry_id` (`registry_id`),
  KEY `index_namespaces_on_team_id` (`team_id`)
);

CREATE TABLE `registries` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL,
  `hostname` varchar(255) NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `use_ssl` tinyint(1),
  `external_hostname` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE KEY `index_registries_on_hostname` (`hostname`),
  UNIQUE KEY `index_registries_on_name` (`name`)
);

CREATE TABLE `registry_events` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `event_id` varchar(255) DEFAULT '',
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `status` int(11) DEFAULT 0,
  `data` text,
  PRIMARY KEY (`id`)
);

CREATE TABLE `repositories` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL DEFAULT '',
  `namespace_id` int(11),
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `marked` tinyint(1) DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `index_repositories_on_name_and_namespace_id` (`name`, `namespace_id`),
  KEY `index_repositories_on_namespace_id` (`namespace_id`)
);

CREATE TABLE `schema_migrations` (
  `version` varchar(255) NOT NULL,
  PRIMARY KEY (`version`)
);

CREATE TABLE `tags` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL DEFAULT 'latest',
  `repository_id` int(11) NOT NULL,
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `user_id` int(11),
  `digest` varchar(255),
  `image_id` varchar(255) DEFAULT '',
  `marked` tinyint(1) DEFAULT 0,
  `username` varchar(255),
  `scanned` int(11) DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `index_tags_on_repository_id` (`repository_id`),
  KEY `index_tags_on_user_id` (`user_id`)
);

CREATE TABLE `team_users` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11),
  `team_id` int(11),
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `role` int(11) DEFAULT 0,
  PRIMARY KEY (`id`),
  KEY `index_team_users_on_team_id` (`team_id`),
  KEY `index_team_users_on_user_id` (`user_id`)
);

CREATE TABLE `teams` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(255),
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `hidden` tinyint(1) DEFAULT 0,
  `description` text,
  PRIMARY KEY (`id`),
  UNIQUE KEY `index_teams_on_name` (`name`)
);

CREATE TABLE `users` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `username` varchar(255) NOT NULL DEFAULT '',
  `email` varchar(255) DEFAULT '',
  `encrypted_password` varchar(255) NOT NULL DEFAULT '',
  `reset_password_token` varchar(255),
  `reset_password_sent_at` datetime,
  `remember_created_at` datetime,
  `sign_in_count` int(11) NOT NULL DEFAULT 0,
  `current_sign_in_at` datetime,
  `last_sign_in_at` datetime,
  `current_sign_in_ip` varchar(255),
  `last_sign_in_ip` varchar(255),
  `created_at` datetime,
  `updated_at` datetime,
  `admin` tinyint(1) DEFAULT 0,
  `enabled` tinyint(1) DEFAULT 1,
  `ldap_name` varchar(255),
  `failed_attempts` int(11) DEFAULT 0,
  `locked_at` datetime,
  `namespace_id` int(11),
  `display_name` varchar(255),
  `provider` varchar(255),
  `uid` varchar(255),
  `bot` tinyint(1) DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `index_users_on_display_name` (`display_name`),
  UNIQUE KEY `index_users_on_email` (`email`),
  KEY `index_users_on_namespace_id` (`namespace_id`),
  UNIQUE KEY `index_users_on_reset_password_token` (`reset_password_token`),
  UNIQUE KEY `index_users_on_username` (`username`),
  CONSTRAINT `fk_users_namespace_id` FOREIGN KEY (`namespace_id`) REFERENCES `namespaces` (`id`)
);

CREATE TABLE `webhooks` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `namespace_id` int(11),
  `url` varchar(255),
  `username` varchar(255),
  `password` varchar(255),
  `request_method` int(11),
  `content_type` int(11),
  `enabled` tinyint(1) DEFAULT 0,
  `created_at` datetime NOT NULL,
  `updated_at` datetime NOT NULL,
  `name` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `index_webhooks_on_namespace_id` (`namespace_id`),
  CONSTRAINT `fk_webhooks_namespace_id` FOREIGN KEY (`namespace_id`) REFERENCES `namespaces` (`id`)
);

-- migrations
-- 20150414104850
-- 20150416121417
-- 20150416121842
-- 20150416122030
-- 20150417095841
-- 20150417100647
-- 20150426115313
-- 20150427092952
-- 20150428081205
-- 20150428081530
-- 20150429102443
-- 20150429185051
-- 20150507155138
-- 20150507155425
-- 20150512105052
-- 20150513133049
-- 20150515111638
-- 20150515114145
-- 20150518142223
-- 20150521145620
-- 20150522140822
-- 20150522141052
-- 20150522141547
-- 20150522144027
-- 20150629080516
-- 20150722194840
-- 20150729153854
-- 20150805130722
-- 20150831131727
-- 20150915130327
-- 20150923091830
-- 20150924084635
-- 20150928112551
-- 20151029145958
-- 20151112003047
-- 20151113162311
-- 20151113162513
-- 20151117181723
-- 20151124150353
-- 20151215152138
-- 20160411150441
-- 20160411150458
-- 20160411150745
-- 20160422075603
-- 20160502140301
-- 20160510153011
-- 20160519110301
-- 20160526105216
-- 20160531151718
-- 20160614114318
-- 20160614121943
-- 20160614122012
-- 20160825105515
-- 20160927141850
-- 20170630194953
-- 20171011150408
-- 20171014192702
-- 20171031112721
-- 20171130095821
-- 20171213093923
-- 20171213094038
-- 20171220095321
-- 20180109114124
-- 20180207145522
-- 20180409142550
-- 20180409143945
-- 20180411102022
-- 20180412140442
-- 20180612145708
-- 20181213101302
