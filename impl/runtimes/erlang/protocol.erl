%% Speaks with connbench (docs/programs.md): reads a wave, reports what became of its attempts, and has what every
%% Erlang connector needs around its connects.
-module(protocol).
-export([run/2, clock/0, host/2, until_due/2, close/2]).

%% CLOCK_MONOTONIC in ns. (erlang:monotonic_time() counts from the start of the runtime.)
clock() -> os:perf_counter(nanosecond).

host(#{hosts := Hosts, route := none}, Attempt) -> element(Attempt rem tuple_size(Hosts) + 1, Hosts);
host(#{hosts := Hosts, route := Route}, Attempt) -> element(element(Attempt + 1, Route) + 1, Hosts).

%% How long until an attempt is due, in ms, rounded up; 0 if it is.
until_due(#{schedule := none}, _) -> 0;
until_due(#{schedule := Schedule, origin := Origin}, Attempt) ->
    max(0, Origin + element(Attempt + 1, Schedule) - clock() + 999999) div 1000000.

%% Closes a connection as the wave wants it.
close(<<"rst">>, Socket) ->
    inet:setopts(Socket, [{linger, {true, 0}}]),
    gen_tcp:close(Socket);
close(_, Socket) ->
    gen_tcp:close(Socket).

%% Drive makes the attempts of a wave, and returns when all have ended: a map from each that has begun to
%% {Started, Finished, Result}. While it runs, a message from Port means that the wave is to end.
run(Description, Drive) ->
    Port = open_port({fd, 0, 1}, [binary, eof, {line, 1 bsl 28}]),
    case init:get_plain_arguments() of
        ["--describe"] -> describe(Port, Description);
        _ ->
            try
                speak(Port, Drive)
            catch
                _:Reason -> fail(Reason)
            end
    end.

describe(Port, Description) ->
    Version = erlang:system_info(otp_release),
    say(Port, ["{\"protocol\":1,\"language\":\"Erlang/OTP\",\"version\":\"", Version, "\",", Description, "}"]),
    halt(0).

speak(Port, Drive) ->
    Wanted = json(line(Port)),
    case Wanted of
        #{<<"warm_up">> := WarmUp} -> Drive(wave(WarmUp, 0), Port);
        #{} -> ok
    end,
    say(Port, "ready {\"clock_error_ns\": 0}"),
    <<"start ", Origin/binary>> = line(Port),
    Wave = wave(Wanted, binary_to_integer(string:trim(Origin))),
    Records = Drive(Wave, Port),
    say(Port, "done"),
    await_report(Port),
    #{attempts := Attempts} = Wave,
    say(Port, [[record(Id, Records), "\n"] || Id <- lists:seq(0, Attempts - 1)] ++ "end"),
    halt(0).

record(Id, Records) ->
    case Records of
        #{Id := {Started, Finished, Result}} -> io_lib:format("~b ~b ~b ~s", [Id, Started, Finished, outcome(Result)]);
        #{} -> [integer_to_list(Id), " 0 0 cancelled"]
    end.

outcome(Word) when Word =:= connected; Word =:= timeout; Word =:= cancelled -> atom_to_list(Word);
outcome(Error) ->
    case atom_to_list(Error) of
        "e" ++ _ = Errno -> string:uppercase(Errno);
        Word -> "other:" ++ Word
    end.

wave(Wanted, Origin) ->
    #{<<"attempts">> := Attempts, <<"in_flight">> := InFlight, <<"timeout_ns">> := Timeout, <<"hosts">> := Hosts,
      <<"close">> := Close} = Wanted,
    #{attempts => Attempts, in_flight => InFlight, close => Close, origin => Origin,
      timeout => (Timeout + 999999) div 1000000, % Erlang's timeouts count milliseconds
      hosts => list_to_tuple([address(First) || [First | _] <- Hosts]),
      route => tuple(<<"route">>, Wanted), schedule => tuple(<<"schedule_ns">>, Wanted)}.

tuple(Key, Wanted) ->
    case Wanted of
        #{Key := List} -> list_to_tuple(List);
        #{} -> none
    end.

address(#{<<"ip">> := Ip, <<"port">> := Number}) ->
    {ok, Address} = inet:parse_address(binary_to_list(Ip)),
    {Address, Number}.

line(Port) ->
    receive
        {Port, {data, {eol, Line}}} -> Line;
        {Port, eof} -> fail("stdin is closed")
    end.

await_report(Port) ->
    receive
        {Port, {data, {eol, <<"report">>}}} -> ok;
        {Port, eof} -> ok
    end.

say(Port, Line) -> port_command(Port, [Line, "\n"]).

fail(Reason) ->
    io:put_chars(standard_error, io_lib:format("~0p~n", [Reason])),
    halt(1).

%% JSON, as far as the protocol has it: OTP has a module for it only since 27.
json(Text) ->
    {Value, _} = value(space(Text)),
    Value.

value(<<"{", Rest/binary>>) -> members(space(Rest), #{});
value(<<"[", Rest/binary>>) -> items(space(Rest), []);
value(<<"\"", Rest/binary>>) ->
    [String, After] = binary:split(Rest, <<"\"">>),
    {String, After};
value(Text) ->
    [Word | _] = binary:split(Text, [<<",">>, <<"]">>, <<"}">>, <<" ">>]),
    {word(Word), binary:part(Text, byte_size(Word), byte_size(Text) - byte_size(Word))}.

word(<<"null">>) -> null;
word(<<"true">>) -> true;
word(<<"false">>) -> false;
word(Number) ->
    try binary_to_integer(Number)
    catch error:badarg -> binary_to_float(Number)
    end.

members(<<"}", Rest/binary>>, Map) -> {Map, Rest};
members(<<",", Rest/binary>>, Map) -> members(space(Rest), Map);
members(Text, Map) ->
    {Key, AfterKey} = value(Text),
    <<":", Rest/binary>> = space(AfterKey),
    {Value, After} = value(space(Rest)),
    members(space(After), Map#{Key => Value}).

items(<<"]", Rest/binary>>, List) -> {lists:reverse(List), Rest};
items(<<",", Rest/binary>>, List) -> items(space(Rest), List);
items(Text, List) ->
    {Value, After} = value(Text),
    items(space(After), [Value | List]).

space(<<C, Rest/binary>>) when C =:= $\s; C =:= $\t; C =:= $\r; C =:= $\n -> space(Rest);
space(Text) -> Text.
