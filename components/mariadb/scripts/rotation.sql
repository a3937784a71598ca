-- What lets an account hold two passwords and later one again. Only root may change accounts, and root logs in on the socket alone; so these
-- two procedures run with root's rights, for the accounts in the table and nothing else about them.
CREATE DATABASE IF NOT EXISTS portus_rotation CHARACTER SET utf8 COLLATE utf8_bin;
USE portus_rotation;
CREATE TABLE IF NOT EXISTS accounts (
  role VARCHAR(16) NOT NULL, user VARCHAR(80) NOT NULL, host VARCHAR(255) NOT NULL, PRIMARY KEY (role, user, host)
);
DELIMITER //

-- Every way in which an account may identify itself, as ALTER USER takes it; those that hold `hash` alone where `only` is given.
CREATE OR REPLACE FUNCTION ways(of_user TEXT, of_host TEXT, only TEXT) RETURNS TEXT READS SQL DATA
RETURN (
  SELECT GROUP_CONCAT(CONCAT(way.plugin, IF(way.hash = '', '', CONCAT(' USING ', QUOTE(way.hash)))) SEPARATOR ' OR ')
  FROM (
    SELECT JSON_VALUE(priv, '$.plugin') AS plugin, COALESCE(JSON_VALUE(priv, '$.authentication_string'), '') AS hash
    FROM mysql.global_priv WHERE User = of_user AND Host = of_host
    UNION
    SELECT other.plugin, COALESCE(other.hash, '')
    FROM mysql.global_priv, JSON_TABLE(
      priv, '$.auth_or[*]' COLUMNS (plugin VARCHAR(64) PATH '$.plugin', hash VARCHAR(255) PATH '$.authentication_string')
    ) AS other
    WHERE User = of_user AND Host = of_host
  ) AS way
  WHERE way.plugin IS NOT NULL AND (only IS NULL OR way.hash = only) -- the place of the first way is empty in auth_or
)//

-- Lets the accounts of a role log in with the password of this hash besides. It comes first: for each way that does not fit the server asks
-- the client once more, and old client libraries answer a second time only.
CREATE OR REPLACE PROCEDURE accept(IN of_role TEXT, IN new_hash TEXT) MODIFIES SQL DATA
FOR account IN (SELECT user, host FROM accounts WHERE role = of_role) DO
  IF ways(account.user, account.host, new_hash) IS NULL THEN
    SET @held = ways(account.user, account.host, NULL);
    EXECUTE IMMEDIATE CONCAT(
      'ALTER USER ', QUOTE(account.user), '@', QUOTE(account.host), ' IDENTIFIED VIA mysql_native_password USING ', QUOTE(new_hash),
      ' OR ', @held
    );
  END IF;
END FOR//

-- Lets them log in with that password alone; refused where it was not accepted before.
CREATE OR REPLACE PROCEDURE keep(IN of_role TEXT, IN new_hash TEXT) MODIFIES SQL DATA
FOR account IN (SELECT user, host FROM accounts WHERE role = of_role) DO
  IF ways(account.user, account.host, new_hash) IS NULL THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no previous call of accept gave the account this password';
  END IF;
  EXECUTE IMMEDIATE CONCAT(
    'ALTER USER ', QUOTE(account.user), '@', QUOTE(account.host), ' IDENTIFIED VIA mysql_native_password USING ', QUOTE(new_hash)
  );
END FOR//

DELIMITER ;
