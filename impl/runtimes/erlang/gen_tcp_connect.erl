%% gen_tcp:connect() with its timeout, a process per attempt.
-module(gen_tcp_connect).
-export([main/0, attempt/4]).

%% gen_tcp starts a timer, and gives its connect() what the timer still has, in whole milliseconds: up to one too few.
main() ->
    protocol:run(
        "\"name\":\"erlang\",\"summary\":\"gen_tcp:connect() with timeout, a process per attempt\","
        "\"families\":[\"4\",\"6\"],\"threads\":\"runtime\",\"granularity_ns\":1000000,\"early_ns\":1000000,"
        "\"misleading\":[{\"target\":\"host-unreachable\",\"reason\":\"takes SO_ERROR 0 for success\"}],"
        "\"close\":[\"rst\",\"fin\",\"hold\"],\"steered_by\":[\"ERL_FLAGS\",\"ERL_AFLAGS\",\"ERL_ZFLAGS\"]",
        fun(Wave, Port) -> drive(Wave, Port, 0, #{}, #{}) end).

%% Pending: the attempt of each process in flight. Records: what has ended.
drive(Wave = #{attempts := Attempts}, _, Next, Pending, Records) when Next >= Attempts, map_size(Pending) =:= 0 ->
    [await_end_of(Holder, fun() -> Holder ! close end) || Holder <- maps:get(held, Wave, [])],
    Records;
drive(Wave = #{attempts := Attempts, in_flight := InFlight}, Port, Next, Pending, Records) ->
    Room = Next < Attempts andalso map_size(Pending) < InFlight,
    case Room andalso protocol:until_due(Wave, Next) of
        0 ->
            #{timeout := Timeout, close := Close} = Wave,
            Process = spawn(?MODULE, attempt, [self(), protocol:host(Wave, Next), Timeout, Close]),
            drive(Wave, Port, Next + 1, Pending#{Process => Next}, Records);
        false -> wait(Wave, Port, Next, Pending, Records, infinity);
        UntilDue -> wait(Wave, Port, Next, Pending, Records, UntilDue)
    end.

wait(Wave, Port, Next, Pending, Records, Longest) ->
    receive
        {ended, Process, Record} ->
            {Id, Left} = maps:take(Process, Pending),
            drive(hold(Wave, Process), Port, Next, Left, Records#{Id => Record});
        {Port, What} ->
            What =:= eof andalso (self() ! {Port, eof}), % which is also the last line of the dialogue
            drive(Wave#{attempts := 0}, Port, Next, #{}, maps:fold(fun give_up/3, Records, Pending))
    after Longest ->
        drive(Wave, Port, Next, Pending, Records)
    end.

%% Not given the wave itself, because what a process is given is copied.
attempt(Driver, {Ip, Number}, Timeout, Close) ->
    Started = put_started(protocol:clock()),
    Result = gen_tcp:connect(Ip, Number, [{active, false}], Timeout),
    Finished = protocol:clock(),
    case Result of
        {error, Reason} -> Driver ! {ended, self(), {Started, Finished, Reason}};
        {ok, Socket} ->
            Hold = Close =:= <<"hold">>,
            Hold orelse protocol:close(Close, Socket),
            Driver ! {ended, self(), {Started, Finished, connected}},
            Hold andalso receive close -> gen_tcp:close(Socket) end
    end.

%% So that the driver can read it of a process that it is about to end.
put_started(Started) ->
    put(started, Started),
    Started.

%% A process that is killed takes its socket with it.
give_up(Process, Id, Records) ->
    Dictionary = process_info(Process, dictionary),
    await_end_of(Process, fun() -> exit(Process, kill) end),
    case Dictionary of
        {dictionary, Values} -> give_up_begun(proplists:get_value(started, Values), Id, Records);
        undefined -> Records
    end.

await_end_of(Process, EndIt) ->
    Monitor = monitor(process, Process),
    EndIt(),
    receive {'DOWN', Monitor, process, Process, _} -> ok end.

give_up_begun(undefined, _, Records) -> Records;
give_up_begun(Started, Id, Records) -> Records#{Id => {Started, protocol:clock(), cancelled}}.

hold(Wave = #{close := <<"hold">>}, Process) -> Wave#{held => [Process | maps:get(held, Wave, [])]};
hold(Wave, _) -> Wave.
