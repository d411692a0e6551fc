using RlPrimitives.Inference;
using RlPrimitives.Models;

namespace RlNotebooks.Serving;

/// <summary>The model served and its adapters, each loaded beside a copy of it. What is replaced ends when the last request that uses it has ended.</summary>
internal sealed class ServedModels : IDisposable
{
    private readonly Lock sync = new();
    private readonly SemaphoreSlim changing = new(1);
    private readonly ServerOptions options;
    private readonly Dictionary<string, (Entry Entry, string Folder)> adapters = new(StringComparer.Ordinal);
    private Entry model;
    private TaskCompletionSource? pause;
    private TaskCompletionSource? drained;
    private CancellationTokenSource abort = new();
    private int running;

    private ServedModels(ServerOptions options, InferenceModule module)
    {
        this.options = options;
        model = new Entry(module);
    }

    public static async Task<ServedModels> LoadAsync(ServerOptions options, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(options.Folder))
        {
            throw new DirectoryNotFoundException($"{options.Folder} is not a folder; give that of a Hugging Face model (config.json, model.safetensors, tokenizer.json).");
        }

        var module = await InferenceModule.FromPretrainedAsync(options.Folder, options.Device, options.MaxConcurrency, cancellationToken).ConfigureAwait(false);
        return new ServedModels(options, module);
    }

    public IReadOnlyList<(string Name, bool IsAdapter)> Names
    {
        get
        {
            lock (sync)
            {
                return [(options.ModelName, false), .. adapters.Keys.Select(name => (name, true))];
            }
        }
    }

    public int ContextLength => model.Module.ContextLength;

    /// <summary>A model for one request, once the server is not paused; to be disposed.</summary>
    /// <param name="name">Of the model or an adapter; null for the model.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Lease> UseAsync(string? name, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task? wait;
            lock (sync)
            {
                wait = pause?.Task;
                if (wait is null)
                {
                    var entry = name is null || name == options.ModelName ? model
                        : adapters.TryGetValue(name, out var adapter) ? adapter.Entry
                        : throw new ServingException(404, $"The model '{name}' does not exist; there are {string.Join(", ", adapters.Keys.Prepend(options.ModelName).Select(n => $"'{n}'"))}.", "model");
                    entry.Users++;
                    running++;
                    return new Lease(this, entry, name ?? options.ModelName, abort.Token);
                }
            }

            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Loads an adapter under a name.</summary>
    public Task LoadAdapterAsync(string name, string folder, bool inPlace, CancellationToken cancellationToken) => ChangeAsync(async () =>
    {
        lock (sync)
        {
            if (name == options.ModelName || (adapters.ContainsKey(name) && !inPlace))
            {
                throw ServingException.Bad($"The lora adapter '{name}' has already been loaded.", "lora_name");
            }

            if (adapters.Count >= options.MaxLoras && !adapters.ContainsKey(name))
            {
                throw ServingException.Bad($"{adapters.Count} adapters are loaded, as many as --max-loras allows. Unload one first: {string.Join(", ", adapters.Keys)}.", "lora_name");
            }
        }

        var entry = await AdaptAsync(folder).ConfigureAwait(false);
        lock (sync)
        {
            Retire(adapters.GetValueOrDefault(name).Entry);
            adapters[name] = (entry, folder);
        }
    }, cancellationToken);

    public void UnloadAdapter(string name)
    {
        lock (sync)
        {
            if (!adapters.Remove(name, out var adapter))
            {
                throw new ServingException(404, $"The lora adapter '{name}' cannot be found.", "lora_name");
            }

            Retire(adapter.Entry);
        }
    }

    /// <summary>Takes the weights of another folder, beside which the adapters are put again.</summary>
    public Task ReloadAsync(string folder, CancellationToken cancellationToken) => ChangeAsync(async () =>
    {
        CausalLM loaded;
        try
        {
            loaded = await Task.Run(() => CausalLM.FromPretrained(folder, options.Device is null ? null : new TorchSharp.torch.Device(options.Device))).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException)
        {
            throw ServingException.Bad(e.Message, "weights_path");
        }

        if (loaded.Config.VocabularySize != model.Module.Model.Config.VocabularySize)
        {
            loaded.Dispose();
            throw ServingException.Bad($"{folder} holds a model of another vocabulary.", "weights_path");
        }

        var entry = new Entry(new InferenceModule(loaded, model.Module.Tokenizer, options.MaxConcurrency));
        (string Name, string Folder)[] beside;
        lock (sync)
        {
            Retire(model);
            model = entry;
            beside = [.. adapters.Select(a => (a.Key, a.Value.Folder))];
        }

        foreach (var (name, from) in beside)
        {
            var adapted = await AdaptAsync(from).ConfigureAwait(false);
            lock (sync)
            {
                Retire(adapters.GetValueOrDefault(name).Entry);
                adapters[name] = (adapted, from);
            }
        }
    }, cancellationToken);

    /// <summary>Lets no request begin until <see cref="Resume"/>, and waits until none runs.</summary>
    /// <param name="aborts">Whether those that run are broken off.</param>
    /// <param name="cancellationToken">Ends the wait; the server stays paused.</param>
    public Task PauseAsync(bool aborts, CancellationToken cancellationToken)
    {
        Task none;
        lock (sync)
        {
            pause ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (running == 0)
            {
                return Task.CompletedTask;
            }

            drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            none = drained.Task;
        }

        if (aborts)
        {
            abort.Cancel();
        }

        return none.WaitAsync(cancellationToken);
    }

    public void Resume()
    {
        lock (sync)
        {
            pause?.SetResult();
            pause = null;
            if (abort.IsCancellationRequested)
            {
                abort.Dispose();
                abort = new CancellationTokenSource();
            }
        }
    }

    public void Dispose()
    {
        lock (sync)
        {
            Retire(model);
            foreach (var (entry, _) in adapters.Values)
            {
                Retire(entry);
            }

            adapters.Clear();
        }

        changing.Dispose();
        abort.Dispose();
    }

    private async Task<Entry> AdaptAsync(string folder)
    {
        var source = model.Module;
        var copy = await source.Model.Executor.RunAsync(source.Model.Clone).ConfigureAwait(false); // between two decode steps
        try
        {
            copy.LoadLora(folder);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException)
        {
            copy.Dispose();
            throw ServingException.Bad($"Loading the adapter failed: {e.Message}", "lora_path");
        }

        return new Entry(new InferenceModule(copy, source.Tokenizer, options.MaxConcurrency));
    }

    private async Task ChangeAsync(Func<Task> change, CancellationToken cancellationToken)
    {
        await changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await change().ConfigureAwait(false);
        }
        finally
        {
            changing.Release();
        }
    }

    private static void Retire(Entry? entry)
    {
        if (entry is not null)
        {
            entry.IsRetired = true;
            entry.EndIfUnused();
        }
    }

    private void Return(Entry entry)
    {
        lock (sync)
        {
            entry.Users--;
            entry.EndIfUnused();
            if (--running == 0)
            {
                drained?.SetResult();
                drained = null;
            }
        }
    }

    /// <summary>A model for one request.</summary>
    internal sealed class Lease(ServedModels models, Entry entry, string name, CancellationToken aborted) : IDisposable
    {
        private int returned;

        public InferenceModule Module => entry.Module;

        public string Name => name;

        /// <summary>Cancelled where the server breaks the request off.</summary>
        public CancellationToken Aborted => aborted;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0)
            {
                models.Return(entry);
            }
        }
    }

    /// <summary>A loaded model and how many requests use it; under the lock.</summary>
    internal sealed class Entry(InferenceModule module)
    {
        public InferenceModule Module => module;

        public int Users { get; set; }

        public bool IsRetired { get; set; }

        public void EndIfUnused()
        {
            if (IsRetired && Users == 0)
            {
                _ = Task.Run(module.Dispose); // waits for the engine's thread; nobody has to wait for that
            }
        }
    }
}
