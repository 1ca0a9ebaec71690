-- Who is who, for several organisations at once. Somebody with several identities is one person where a roster says so (an
-- alias), and where one known by an e-mail address alone never acted but another has that address: whoever was invited by
-- e-mail and came with an id. Everybody else is themselves, also an alias of an alias. `directory_refs_in(orgs)` is everybody.
-- `aliases_in(orgs)` is what reports join: (`org_id`, `user_ref`, `person_ref`), only rows in which the two differ. Who is not
-- in it is themselves. There are no names in it, but it is made of them: grant `users`, `directory` and `erased` to its readers.
CREATE VIEW directory_refs_in AS
SELECT
  org_id,
  user_ref,
  multiIf(
    alias != '' AND main != 0, main,
    alias = '' AND NOT has_acted AND email = identity AND owner != 0, owner,
    user_ref
  ) AS person_ref
FROM (
  SELECT
    org_id, user_ref, identity, alias, email, has_acted,
    maxIf(user_ref, alias = '') OVER (PARTITION BY org_id, if(alias != '', alias, identity)) AS main,
    argMaxIf(user_ref, (seen, user_ref), alias = '' AND email != identity AND email != '') OVER (PARTITION BY org_id, email) AS owner
  FROM (
    SELECT
      org_id,
      user_ref,
      max(named).3 AS identity,
      max(aliased).3 AS alias,
      lowerUTF8(normalizeUTF8NFC(trimBoth(if(max(own) != '', max(own), max(mailed).3)))) AS email,
      max(acted) AS has_acted,
      max(at) AS seen
    FROM (
      SELECT
        org_id,
        user_ref,
        maxIf(said, fact = 'identity') AS named,
        maxIf(said, fact = 'alias') AS aliased,
        maxIf(said, fact = 'email') AS mailed,
        '' AS own,
        0 AS acted,
        max(said.1) AS at
      FROM directory
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      GROUP BY org_id, user_ref
      UNION ALL
      SELECT
        org_id,
        user_ref,
        (max(users.last_seen), toUUID('00000000-0000-0000-0000-000000000000'), max(users.identity)) AS named,
        defaultValueOfTypeName('Tuple(DateTime64(3, \'UTC\'), UUID, String)') AS aliased,
        aliased AS mailed,
        argMaxIfMerge(users.email) AS own,
        1 AS acted,
        named.1 AS at
      FROM users
      WHERE org_id IN {orgs:Array(String)} AND user_ref != 0
      GROUP BY org_id, user_ref
    )
    WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased WHERE org_id IN {orgs:Array(String)})
    GROUP BY org_id, user_ref
  )
);

CREATE VIEW aliases_in AS
SELECT org_id, user_ref, person_ref FROM directory_refs_in(orgs = {orgs:Array(String)}) WHERE person_ref != user_ref;

CREATE OR REPLACE VIEW directory_refs AS
SELECT user_ref, person_ref FROM directory_refs_in(orgs = [{org:String}]);
