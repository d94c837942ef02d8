package sqlstore_test

import (
	"regexp"
	"strings"
)

// mysqlOnly are words that MySQL 9.7 reserves (information_schema.keywords) and MariaDB 10.11 takes for names, but for JSON_TABLE, which is a function of both;
// 8.0 reserves no other that anybody would choose. None is a name of ours, so that what runs on MariaDB, which has a package everywhere, runs on MySQL.
var mysqlOnly = strings.Fields(`CUBE CUME_DIST DATABASE DENSE_RANK EMPTY EXTERNAL FIRST_VALUE FUNCTION GENERATED GET GROUPING GROUPS LAG LAST_VALUE LATERAL
	LEAD LIBRARY NTH_VALUE NTILE OF OPTIMIZER_COSTS OPTION PERCENT_RANK QUALIFY RANK ROW SCHEMA STORED SYSTEM TABLESAMPLE VIRTUAL WINDOW`)

var (
	notSQL    = regexp.MustCompile(`(?m)--.*$|'[^']*'`) // comments and literals
	mysqlWord = regexp.MustCompile(`(?i)\b(` + strings.Join(mysqlOnly, "|") + `)\b`)
)

// reservedByMySQL returns the first such word of a statement, "" when there is none.
func reservedByMySQL(statement string) string {
	return mysqlWord.FindString(notSQL.ReplaceAllString(statement, ""))
}
