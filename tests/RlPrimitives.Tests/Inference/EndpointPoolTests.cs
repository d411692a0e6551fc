using RlPrimitives.Inference;
using RlPrimitives.Tests.Rewards;

namespace RlPrimitives.Tests.Inference;

/// <summary>Which endpoint is asked, and when again; without any server.</summary>
public class EndpointPoolTests
{
    [Fact]
    public async Task The_wait_that_a_server_asks_for_is_kept_up_to_the_longest_one()
    {
        var time = new ManualTime();
        using var pool = Pool(1, new VllmOptions { MaxDelay = TimeSpan.FromSeconds(5), MaxRetries = 2 }, time);
        var tries = 0;
        var asked = pool.RunAsync((_, _) => ++tries switch
        {
            1 => throw new VllmException("busy") { IsTransient = true, RetryAfter = TimeSpan.FromSeconds(3) },
            2 => throw new VllmException("busy") { IsTransient = true, RetryAfter = TimeSpan.FromHours(1) },
            _ => Task.FromResult(tries),
        }, CancellationToken.None);
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.Equal(1, tries);
        await PassUntilAsync(2);
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(2, tries);
        await PassUntilAsync(3); // and not in an hour
        Assert.Equal(3, await asked.Ends());

        // A wait may begin a moment after the try.
        async Task PassUntilAsync(int wanted)
        {
            for (var i = 0; i < 50 && tries < wanted; i++)
            {
                time.Advance(TimeSpan.FromSeconds(0.2));
                await Task.Delay(5);
            }

            Assert.Equal(wanted, tries);
        }
    }

    [Fact]
    public async Task What_will_not_succeed_later_is_not_tried_again()
    {
        using var pool = Pool(1);
        var tries = 0;
        var failure = await Assert.ThrowsAsync<VllmException>(() => pool.RunAsync<int>((_, _) =>
        {
            tries++;
            throw new VllmException("no such model");
        }, CancellationToken.None).Ends());
        Assert.Equal(("no such model", 1), (failure.Message, tries));
        Assert.Equal(0, pool.Endpoints[0].InFlight);
    }

    [Fact]
    public async Task The_endpoint_with_the_fewest_requests_is_asked_and_others_wait_for_room()
    {
        using var pool = Pool(2, new VllmOptions { MaxConcurrency = 2 });
        var gates = Enumerable.Range(0, 5).Select(_ => new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        var hosts = new List<string>();
        var all = gates.Select(gate => pool.RunAsync((endpoint, _) =>
        {
            lock (hosts)
            {
                hosts.Add(endpoint.Address.Host);
            }

            return gate.Task;
        }, CancellationToken.None)).ToArray();
        Assert.Equal(["a1.test", "a2.test", "a1.test", "a2.test"], hosts);
        Assert.Equal([2, 2], pool.Endpoints.Select(e => e.InFlight));
        gates[1].SetResult(0); // room at the second
        await UntilAsync(() => hosts.Count == 5);
        Assert.Equal("a2.test", hosts[4]);
        Array.ForEach(gates, g => g.TrySetResult(0));
        await Task.WhenAll(all).Ends();
        Assert.Equal([0, 0], pool.Endpoints.Select(e => e.InFlight));
    }

    [Fact]
    public async Task An_endpoint_that_is_down_gets_nothing_while_another_is_up_and_is_tried_when_none_is()
    {
        using var pool = Pool(2);
        pool.Endpoints[0].Weights = "v1";
        EndpointPool.Note(pool.Endpoints[0], new VllmException("lost") { IsEndpointDown = true });
        Assert.Null(pool.Endpoints[0].Weights); // whoever comes back may have lost them
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal("a2.test", await pool.RunAsync((e, _) => Task.FromResult(e.Address.Host), CancellationToken.None));
        }

        pool.Endpoints[1].IsHealthy = false;
        var host = await pool.RunAsync((e, _) => Task.FromResult(e.Address.Host), CancellationToken.None);
        Assert.True(pool.Endpoints.Single(e => e.Address.Host == host).IsHealthy); // it answered
    }

    [Fact]
    public async Task One_who_stops_waiting_for_room_leaves_the_line()
    {
        using var pool = Pool(1, new VllmOptions { MaxConcurrency = 1 });
        var gate = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var cancel = new CancellationTokenSource();
        var first = pool.RunAsync((_, _) => gate.Task, CancellationToken.None);
        var second = pool.RunAsync((_, _) => Task.FromResult(2), cancel.Token);
        var third = pool.RunAsync((_, _) => Task.FromResult(3), CancellationToken.None);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.Ends());
        gate.SetResult(1);
        Assert.Equal((1, 3), (await first.Ends(), await third.Ends()));
        Assert.Equal(0, pool.Endpoints[0].InFlight);
    }

    [Theory]
    [InlineData("http://host:8000", "http://host:8000/")]
    [InlineData("http://host:8000/v1/", "http://host:8000/")]
    [InlineData("https://host/models/a/v1", "https://host/models/a/")]
    public void Addresses_are_those_that_OpenAI_clients_are_given_too(string given, string address)
    {
        using var endpoint = new VllmEndpoint(given, new VllmOptions());
        Assert.Equal(address, endpoint.Address.ToString());
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new VllmOptions { MaxConcurrency = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new VllmOptions { MaxRetries = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new VllmOptions { Timeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new VllmOptions { ContextLength = 1 });
    }

    private static EndpointPool Pool(int count, VllmOptions? options = null, ManualTime? time = null)
    {
        options = (options ?? new VllmOptions()) with { HealthInterval = TimeSpan.FromDays(1), Time = time ?? TimeProvider.System };
        return new EndpointPool([.. Enumerable.Range(1, count).Select(i => new VllmEndpoint($"http://a{i}.test", options))], options);
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var i = 0; i < 3000 && !holds(); i++)
        {
            await Task.Delay(5);
        }

        Assert.True(holds());
    }
}
