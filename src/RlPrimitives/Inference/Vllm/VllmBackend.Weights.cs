using System.Net;
using RlPrimitives.Inference.Wire;

namespace RlPrimitives.Inference;

// New weights while the servers run. What was put there last is put again to an endpoint that was lost and came back.
public sealed partial class VllmBackend
{
    private readonly string run = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray()[..4]); // of adapters' names: another run's are not taken for this one's
    private readonly SemaphoreSlim replacing = new(1);
    private volatile PlacedWeights? current;
    private PlacedWeights? previous;

    /// <inheritdoc/>
    public long? WeightsVersion => current?.Version;

    /// <inheritdoc/>
    /// <remarks>
    /// The adapters get a name of their own at every endpoint; those of the version before stay loaded (for responses under way), older ones are unloaded: the server needs
    /// room for three (<c>--max-loras 3</c>, or <c>--max-cpu-loras 3</c>).
    /// </remarks>
    /// <exception cref="VllmException">An endpoint refuses them, or none can be reached.</exception>
    public Task LoadLoraAsync(string folder, long version, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return ReplaceAsync(new PlacedWeights(FormattableString.Invariant($"{Model}-{run}-v{version}"), folder, version, IsLora: true), cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Each endpoint is paused until its responses are finished, reads the folder, forgets cached prefixes and goes on.</remarks>
    /// <exception cref="VllmException">An endpoint refuses them, or none can be reached.</exception>
    public Task LoadWeightsAsync(string folder, long version, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return ReplaceAsync(new PlacedWeights(FormattableString.Invariant($"v{version} of {run}"), folder, version, IsLora: false) { ModelName = Model }, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<(string Endpoint, float[][] LogProbs)>> GetLogProbsEverywhereAsync(
        IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(responses);
        var everywhere = await Task.WhenAll(pool.Endpoints.Select(async server =>
        {
            try
            {
                await EnsureWeightsAsync(server, cancellationToken).ConfigureAwait(false);
                var scores = new float[prompts.Count][];
                for (var i = 0; i < prompts.Count; i++)
                {
                    scores[i] = await ScoreAsync(server, current?.ModelName ?? Model, prompts[i], responses[i], cancellationToken).ConfigureAwait(false);
                }

                return (server.Address.ToString(), scores);
            }
            catch (VllmException e) when (e.IsTransient)
            {
                EndpointPool.Note(server, e);
                return (server.Address.ToString(), (float[][]?)null);
            }
        })).ConfigureAwait(false);
        return [.. everywhere.Where(e => e.Item2 is not null).Select(e => (e.Item1, e.Item2!))];
    }

    private async Task ReplaceAsync(PlacedWeights weights, CancellationToken cancellationToken)
    {
        await replacing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // An endpoint that is away gets them when it is back; one that refuses is an error.
            var failures = await Task.WhenAll(pool.Endpoints.Select(async server =>
            {
                try
                {
                    await PutAsync(server, weights, cancellationToken).ConfigureAwait(false);
                    return null;
                }
                catch (VllmException e) when (e.IsTransient)
                {
                    EndpointPool.Note(server, e);
                    server.Weights = null;
                    return e;
                }
            })).ConfigureAwait(false);
            if (Array.TrueForAll(failures, f => f is not null))
            {
                // Nobody has them: wait as for any other request.
                await pool.RunAsync(async (server, token) =>
                {
                    await PutAsync(server, weights, token).ConfigureAwait(false);
                    return true;
                }, cancellationToken).ConfigureAwait(false);
            }

            var (old, newest) = (previous, current);
            (current, previous) = (weights, newest);
            if (old is { IsLora: true })
            {
                await Task.WhenAll(pool.Endpoints.Select(server => UnloadAsync(server, old, cancellationToken))).ConfigureAwait(false);
            }
        }
        finally
        {
            replacing.Release();
        }
    }

    /// <summary>Puts the newest weights to an endpoint that has been away.</summary>
    private Task EnsureWeightsAsync(VllmEndpoint server, CancellationToken cancellationToken) =>
        current is { } weights && server.Weights != weights.Name ? PutAsync(server, weights, cancellationToken) : Task.CompletedTask;

    private static async Task PutAsync(VllmEndpoint server, PlacedWeights weights, CancellationToken cancellationToken)
    {
        await server.WeightsLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (server.Weights != weights.Name)
            {
                await (weights.IsLora ? LoadLoraAsync(server, weights, cancellationToken) : ReloadAsync(server, weights, cancellationToken)).ConfigureAwait(false);
                server.Weights = weights.Name;
            }
        }
        finally
        {
            server.WeightsLock.Release();
        }
    }

    private static async Task LoadLoraAsync(VllmEndpoint server, PlacedWeights weights, CancellationToken cancellationToken)
    {
        const string path = "v1/load_lora_adapter";
        try
        {
            await server.PostAsync(path, new LoadLoraRequest(weights.Name, weights.Folder), cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException e) when (e.Status == HttpStatusCode.BadRequest && e.Message.Contains("already", StringComparison.OrdinalIgnoreCase))
        {
            // The name is this version's alone, so what is there is what was to be put there: the answer to an earlier try was lost.
        }
        catch (VllmException e) when (e.Status is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed && !e.Message.Contains(weights.Folder, StringComparison.Ordinal))
        {
            throw new VllmException($"{e.Message} New adapters while it runs need a server started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.", e.Status, e);
        }
    }

    private static async Task ReloadAsync(VllmEndpoint server, PlacedWeights weights, CancellationToken cancellationToken)
    {
        var isPaused = await TryAsync("pause?mode=wait").ConfigureAwait(false);
        try
        {
            await server.PostAsync("collective_rpc", new ReloadWeightsRequest("reload_weights", new ReloadWeightsArguments(weights.Folder, IsCheckpointFormat: true)), cancellationToken).ConfigureAwait(false);
            await TryAsync("reset_prefix_cache").ConfigureAwait(false);
        }
        catch (VllmException e) when (e.Status is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed)
        {
            throw new VllmException($"{e.Message} Whole weights while it runs need a server started with VLLM_SERVER_DEV_MODE=1.", e.Status, e);
        }
        finally
        {
            if (isPaused)
            {
                // Also after a cancellation: a server left paused answers nobody any more.
                await server.PostAsync("resume", null, CancellationToken.None).ConfigureAwait(false);
            }
        }

        async Task<bool> TryAsync(string path)
        {
            try
            {
                await server.PostAsync(path, null, cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (VllmException e) when (e.Status == HttpStatusCode.NotFound)
            {
                return false; // an older release, which has no such route
            }
        }
    }

    private static async Task UnloadAsync(VllmEndpoint server, PlacedWeights weights, CancellationToken cancellationToken)
    {
        try
        {
            await server.PostAsync("v1/unload_lora_adapter", new UnloadLoraRequest(weights.Name), cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException)
        {
            // It is away, or was started anew without them. Where it only keeps them too long, it says so itself when it is full.
        }
    }

    /// <summary>Weights that were put to the servers.</summary>
    /// <param name="Name">Of this version in this run.</param>
    /// <param name="Folder">Where the servers find them.</param>
    /// <param name="Version">Of the weights.</param>
    /// <param name="IsLora">Adapters, or all weights.</param>
    private sealed record PlacedWeights(string Name, string Folder, long Version, bool IsLora)
    {
        /// <summary>The name to ask for.</summary>
        public string ModelName { get; init; } = Name;
    }
}
