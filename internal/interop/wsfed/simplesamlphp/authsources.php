<?php

// Who can sign in: INTEROP_USERS is a JSON object, "name:password" to attributes.
$config = [
    'people' => ['exampleauth:UserPass'] + json_decode(getenv('INTEROP_USERS'), true),
];
